// Package jsonevent makes events of JSON text and of nothing else: no I/O, no clock, no
// other format. Four layers do it, each of them one thing:
//
//	Split    tells the events of a message apart, by brackets and quotes alone
//	scanner  judges one event: strict JSON, the schema and the limits, with the reason for a rejection
//	builder  makes fields, items and attributes of what the scanner has accepted, and cannot fail
//	Parser   does both at once for events that look like those before it, and leaves all others to the two
//
// A Decoder is the scanner and the builder with a configuration. A Parser returns what its
// Decoder returns, byte for byte (FuzzParserAgrees), only sooner; how often it had to leave
// an event to the Decoder is Parser.Fallbacks. Numbers are read in one file, number.go:
// byte by byte by the builder, eight bytes at once by the Parser, with one arithmetic.
//
//	file                 layer
//	split, each          Split; EachOf picks the codec of an input, or Split where there is none
//	scan*, unheld, hint  scanner; what cannot be held; hints in the text of a rejection
//	builder*, record     builder; Record is the same for records of any shape
//	parser*              Parser; what it remembers of keys is in parser_memory.go
//	tree                 Tree, the fast twin of Record (FuzzTreeAgrees)
package jsonevent
