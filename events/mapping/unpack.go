package mapping

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jsonevent"
)

// mostUnpacked is how many bytes a message may have when it is decompressed: a NATS
// message has 64 MiB at most.
const mostUnpacked = 64 << 20

// reader is what is used again from message to message.
type reader struct {
	tree jsonevent.Tree
	zstd *zstd.Decoder // nil: not needed yet
}

// unpacked is the data of a message, decompressed as its header Content-Encoding says.
func (r *reader) unpacked(m *events.Message) ([]byte, *events.RejectError) {
	encoding := headerOf(m, "content-encoding")
	if encoding == "" {
		return m.Data, nil
	}
	data, err := r.unpack(m.Data, strings.ToLower(strings.TrimSpace(encoding)))
	if err != nil {
		return nil, &events.RejectError{Reason: ReasonFormat, Detail: err.Error()}
	}
	return data, nil
}

// Unpack decompresses data by the name of an encoding, as HTTP has it: gzip, zstd,
// snappy, identity, or nothing.
func Unpack(data []byte, encoding string) ([]byte, error) { return new(reader).unpack(data, encoding) }

// errTooLong says that data is larger than it may be.
var errTooLong = errors.New("the data has more than 64 MiB when it is decompressed")

func (r *reader) unpack(data []byte, encoding string) ([]byte, error) {
	var from io.Reader
	switch encoding {
	case "", "identity":
		return data, nil
	case "gzip", "x-gzip":
		opened, err := gzip.NewReader(bytes.NewReader(data))
		if err != nil {
			return nil, fmt.Errorf("the data is not in gzip, as its header says: %w", err)
		}
		from = opened
	case "zstd":
		return r.unzstd(data)
	case "snappy":
		if n, err := snappy.DecodedLen(data); err == nil && n <= mostUnpacked {
			if out, err := snappy.Decode(nil, data); err == nil {
				return out, nil
			}
		}
		from = snappy.NewReader(bytes.NewReader(data)) // the framed format
	default:
		return nil, fmt.Errorf("the data is encoded as %q: gzip, zstd and snappy are understood", clip(encoding))
	}
	out, err := io.ReadAll(io.LimitReader(from, mostUnpacked+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("the data is not in %s, as its header says: %w", encoding, err)
	case len(out) > mostUnpacked:
		return nil, errTooLong
	}
	return out, nil
}

// unzstd decompresses with a decoder that is used again: to make one costs more than most
// messages.
func (r *reader) unzstd(data []byte) ([]byte, error) {
	if r.zstd == nil {
		var err error
		if r.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1),
			zstd.WithDecoderMaxMemory(mostUnpacked)); err != nil {
			return nil, err
		}
	}
	out, err := r.zstd.DecodeAll(data, nil)
	switch {
	case errors.Is(err, zstd.ErrDecoderSizeExceeded):
		return nil, errTooLong
	case err != nil:
		return nil, fmt.Errorf("the data is not in zstd, as its header says: %w", err)
	}
	return out, nil
}

// headerOf is a header of a message, by its name in small letters; nothing if there is
// none.
func headerOf(m *events.Message, name string) string {
	if m.Envelope == nil {
		return ""
	}
	for have, values := range m.Envelope.Header {
		if len(values) > 0 && strings.EqualFold(have, name) {
			return values[0]
		}
	}
	return ""
}
