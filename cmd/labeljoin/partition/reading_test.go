package partition_test

import (
	"net"
	"strings"
	"testing"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/partition"
	"github.com/labeljoin/labeljoin/config"
)

// TestReadingNeedsServer holds that a command does not wait in silence for a server that is
// away: a person waits for the command.
func TestReadingNeedsServer(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	text := "name: feed\nlabels: {clicked: 'type == \"click\"'}\nnats: {url: \"nats://" + address + "\"}\n"
	cfg, err := config.Decode("c.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	s, err := partition.ConnectReading(t.Context(), cfg)
	if err == nil {
		t.Fatalf("connected to a server that is away; closing it: %v", s.Close())
	}
	if !strings.Contains(err.Error(), address) {
		t.Errorf("the error does not say where: %v", err)
	}
}
