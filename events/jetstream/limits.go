package jetstream

import (
	"errors"

	"github.com/nats-io/nats.go/jetstream"
)

// JetStream's errors for limits that the owner of the server or of the account has set: server/errors.json of
// nats-server.
const (
	accountResourcesExceeded = 10002
	maximumConsumers         = 10026
	maximumStreams           = 10027
	memoryExceeded           = 10028
	storageExceeded          = 10047
	maxBytesRequired         = 10113
)

// limitReached names the limit that an answer of JetStream is about, and what to do; "" if it is about none.
func limitReached(err error) string {
	api, ok := errors.AsType[*jetstream.APIError](err)
	if !ok {
		return ""
	}
	switch api.ErrorCode {
	case maximumStreams:
		return "the account's limit max_streams is reached: raise it, delete a stream that is not needed, " +
			"or add the subject to a stream that is there (nats stream edit STREAM --subjects ...)"
	case maximumConsumers:
		return "the limit max_consumers of the account or of the stream is reached: raise it, " +
			"or delete a consumer that is not needed (nats consumer ls STREAM)"
	case accountResourcesExceeded:
		return "the account's limit max_file or max_mem is reached: raise it, or bound what its streams keep " +
			"(max_age, max_bytes; nats account info)"
	case storageExceeded:
		return "the server's limit jetstream.max_file_store is reached: raise it, or bound what streams keep " +
			"(max_age, max_bytes)"
	case memoryExceeded:
		return "the server's limit jetstream.max_memory_store is reached: raise it, or bound what streams keep " +
			"(max_age, max_bytes)"
	case maxBytesRequired:
		return "the account's limit max_bytes_required allows no stream without max_bytes, and labeljoin creates none with it: " +
			"create the stream yourself (nats stream add --max-bytes ...)"
	}
	return ""
}
