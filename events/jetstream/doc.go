// Package jetstream reads input logs from NATS JetStream and publishes the
// label stream; the embedded server lives here.
//
// A log is a stream, read by a consumer of our own that nothing is
// acknowledged to: the cursor belongs to the reader, and is committed with
// what was made of the messages. What the package adds to a plain subscription
// is that nothing is skipped in silence: a stream that was recreated, rewound
// or trimmed under its reader ends in a LogError, and that silence is told
// apart from an empty log (see proof.go).
package jetstream
