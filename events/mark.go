package events

import "hash/crc32"

// Mark tells a message from any other that may have its place in a log that was
// rewound: a broker can lose its newest messages and give their sequences to
// others.
type Mark struct {
	Seq    uint64 `json:"seq"`    // 0: there is no mark
	Stored Time   `json:"stored"` // when the broker stored it
	Bytes  int    `json:"bytes"`  // its length
	Sum    uint32 `json:"sum"`    // CRC-32C of its data
}

// crcTable is CRC-32C, which processors compute at memory speed. Beside the
// nanosecond of storing it need not withstand an attacker.
var crcTable = crc32.MakeTable(crc32.Castagnoli)

// Mark is the message's mark; none where there is no broker to lose anything.
func (m *Message) Mark() Mark {
	if m.Stored == MinTime {
		return Mark{}
	}
	return Mark{Seq: m.Seq, Stored: m.Stored, Bytes: len(m.Data), Sum: crc32.Checksum(m.Data, crcTable)}
}
