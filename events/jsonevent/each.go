package jsonevent

import "github.com/labeljoin/labeljoin/events"

// EachOf calls yield for the events of a message, by the codec that reads it; nil is
// labeljoin's own format, in which nothing is decoded here.
func EachOf(codec events.Codec, own *Decoder, m *events.Message, yield func(index uint32, d events.Decoded) bool) {
	if codec != nil {
		codec.Decode(m, yield)
		return
	}
	for index, data := range own.Split(m.Data) {
		if !yield(index, events.Decoded{Kind: m.Kind, Data: data, Record: data}) {
			return
		}
	}
}
