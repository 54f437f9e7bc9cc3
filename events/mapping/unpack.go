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
)

// mostUnpacked is how many bytes a message may have when it is decompressed: a NATS
// message has 64 MiB at most.
const mostUnpacked = 64 << 20

// unpacked is the data of a message, decompressed as its header Content-Encoding says.
func unpacked(m *events.Message) ([]byte, *events.RejectError) {
	encoding := strings.ToLower(strings.TrimSpace(headerOf(m, "content-encoding")))
	data, err := Unpack(m.Data, encoding)
	if err != nil {
		return nil, &events.RejectError{Reason: ReasonFormat, Detail: err.Error()}
	}
	return data, nil
}

// Unpack decompresses data by the name of an encoding, as HTTP has it: gzip, zstd,
// snappy, identity, or nothing.
func Unpack(data []byte, encoding string) ([]byte, error) {
	var from io.Reader
	switch encoding {
	case "", "identity":
		return data, nil
	case "gzip", "x-gzip":
		r, err := gzip.NewReader(bytes.NewReader(data))
		if err != nil {
			return nil, fmt.Errorf("the data is not in gzip, as its header says: %w", err)
		}
		from = r
	case "zstd":
		r, err := zstd.NewReader(bytes.NewReader(data), zstd.WithDecoderConcurrency(1),
			zstd.WithDecoderMaxMemory(mostUnpacked))
		if err != nil {
			return nil, fmt.Errorf("the data is not in zstd, as its header says: %w", err)
		}
		defer r.Close()
		from = r
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
		return nil, errors.New("the data has more than 64 MiB when it is decompressed")
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
