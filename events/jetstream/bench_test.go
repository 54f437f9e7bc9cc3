package jetstream

import (
	"bytes"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/labeljoin/labeljoin/events"
)

// readMessages is how many messages one operation of BenchmarkRead reads.
const readMessages = 200_000

// BenchmarkRead reads a stream of messages of 709 bytes: raw, as an ordered
// consumer of the client library delivers them, and as a Source hands them over.
// The server is in the process and part of the CPU time.
//
//	go test ./events/jetstream -run '^$' -bench Read
func BenchmarkRead(b *testing.B) {
	nc := inProcess(b)
	log := find(b, nc, requests("r"))
	js, err := jetstream.New(nc, jetstream.WithPublishAsyncMaxPending(8192))
	if err != nil {
		b.Fatal(err)
	}
	data := bytes.Repeat([]byte{'x'}, 709)
	for range readMessages {
		if _, err := js.PublishMsgAsync(&nats.Msg{Subject: "r", Data: data}, jetstream.WithStallWait(patience)); err != nil {
			b.Fatal(err)
		}
	}
	<-js.PublishAsyncComplete()
	b.Run("raw", func(b *testing.B) { timeRead(b, func() { readRaw(b, js, log.Stream) }) })
	b.Run("source", func(b *testing.B) { timeRead(b, func() { readSource(b, nc, log) }) })
}

func timeRead(b *testing.B, read func()) {
	b.SetBytes(709 * readMessages)
	b.ReportAllocs()
	before := cpu(b)
	for b.Loop() {
		read()
	}
	n := float64(b.N * readMessages)
	b.ReportMetric(float64(b.Elapsed())/n, "ns/message")
	b.ReportMetric(float64(cpu(b)-before)/n, "cpu-ns/message")
}

func cpu(b *testing.B) time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

func readRaw(b *testing.B, js jetstream.JetStream, stream string) {
	consumer, err := js.OrderedConsumer(b.Context(), stream, jetstream.OrderedConsumerConfig{})
	if err != nil {
		b.Fatal(err)
	}
	done, n := make(chan struct{}), 0
	reading, err := consumer.Consume(func(jetstream.Msg) {
		if n++; n == readMessages {
			close(done)
		}
	}, jetstream.PullMaxMessages(10_000))
	if err != nil {
		b.Fatal(err)
	}
	<-done
	reading.Stop()
}

func readSource(b *testing.B, nc *nats.Conn, log Log) {
	s := open(b, nc, log, 1)
	for n := 0; n < readMessages; {
		batch, err := s.Next(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		n += len(batch.Messages)
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkLatency measures from before a message is published to after it is
// read.
func BenchmarkLatency(b *testing.B) {
	nc := inProcess(b)
	s, err := Open(b.Context(), nc, find(b, nc, requests("bench")), 0, events.Position{}, Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	data := make([]byte, 700)
	for b.Loop() {
		if err := nc.Publish("bench", data); err != nil {
			b.Fatal(err)
		}
		for n := 0; n == 0; {
			batch, err := s.Next(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			n = len(batch.Messages)
		}
	}
}
