package stats

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"path/filepath"

	"google.golang.org/protobuf/proto"

	"github.com/labeljoin/labeljoin/export/tfmd"
)

// Encode is a list of statistics as a file that TFDV reads: the message itself
// where the name ends in .pb (tfdv.load_stats_binary), else a TFRecord with it
// (tfdv.load_statistics). Equal statistics give equal bytes.
func Encode(list *tfmd.DatasetFeatureStatisticsList, name string) ([]byte, error) {
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(list)
	if err != nil || filepath.Ext(name) == ".pb" {
		return data, err
	}
	var out bytes.Buffer
	var length [8]byte
	binary.LittleEndian.PutUint64(length[:], uint64(len(data)))
	out.Write(length[:])
	_ = binary.Write(&out, binary.LittleEndian, masked(length[:]))
	out.Write(data)
	_ = binary.Write(&out, binary.LittleEndian, masked(data))
	return out.Bytes(), nil
}

// masked is the checksum of TFRecord: CRC-32C, rotated and moved.
// https://www.tensorflow.org/tutorials/load_data/tfrecord#tfrecords_format_details
func masked(data []byte) uint32 {
	crc := crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli))
	return (crc>>15 | crc<<17) + 0xa282ead8
}

// Decode reads statistics in either form of Encode.
func Decode(data []byte) (*tfmd.DatasetFeatureStatisticsList, error) {
	const header, footer = 12, 4
	list := &tfmd.DatasetFeatureStatisticsList{}
	if len(data) >= header+footer && binary.LittleEndian.Uint32(data[8:]) == masked(data[:8]) {
		length := binary.LittleEndian.Uint64(data)
		if length > uint64(len(data)-header-footer) {
			return nil, errors.New("it is a TFRecord that was cut off")
		}
		record := data[header : header+length]
		if binary.LittleEndian.Uint32(data[header+length:]) != masked(record) {
			return nil, errors.New("it is a TFRecord that is damaged: its checksum is wrong")
		}
		data = record
	}
	if err := proto.Unmarshal(data, list); err != nil {
		return nil, fmt.Errorf("it holds no statistics: %w", err)
	}
	return list, nil
}
