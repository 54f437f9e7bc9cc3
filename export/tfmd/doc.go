// Package tfmd is the Go code of TensorFlow Metadata's protocol buffers: the
// statistics, the schema and the anomalies that TensorFlow Data Validation
// reads and writes. It holds generated code and nothing else.
//
// The messages are those of https://github.com/tensorflow/metadata at commit
// 383edcfe (August 2025), Copyright 2018 The TensorFlow Authors, under the
// Apache License 2.0 in the file LICENSE. To generate the code again, with
// protoc 3.21 and protoc-gen-go v1.36.12 on the path, in a clone of that
// repository, where $HERE is this folder:
//
//	M=github.com/labeljoin/labeljoin/export/tfmd
//	P=tensorflow_metadata/proto/v0
//	for f in anomalies derived_feature path schema statistics; do
//		set -- "$@" --go_opt=M$P/$f.proto=$M $P/$f.proto
//	done
//	protoc -I. --go_out=$HERE --go_opt=module=$M "$@"
package tfmd
