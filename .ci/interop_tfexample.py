"""Reads TFRecord files of tf.Example by what TensorFlow says of them, without TensorFlow.

A record is its length, a checksum of that, its bytes, and a checksum of those. The bytes are a message
tensorflow.Example, whose fields are described here, and decoded by Google's protobuf library. So the reader
shares nothing with the writer: https://www.tensorflow.org/tutorials/load_data/tfrecord
"""

import gzip
import struct

import crc32c
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

FIELD = descriptor_pb2.FieldDescriptorProto


class Damaged(Exception):
    """A record is not as its checksum says."""


def example_class():
    """The message type of example.proto and feature.proto."""
    file = descriptor_pb2.FileDescriptorProto(name="example.proto", package="tensorflow", syntax="proto3")

    def message(within, name, *fields):
        made = within.add(name=name)
        for number, (field, kind, label) in enumerate(fields, 1):
            of = {"type": FIELD.TYPE_MESSAGE, "type_name": kind} if isinstance(kind, str) else {"type": kind}
            made.field.add(name=field, number=number, label=label, **of)
        return made

    one, many = FIELD.LABEL_OPTIONAL, FIELD.LABEL_REPEATED
    for name, kind in (("BytesList", FIELD.TYPE_BYTES), ("FloatList", FIELD.TYPE_FLOAT), ("Int64List", FIELD.TYPE_INT64)):
        message(file.message_type, name, ("value", kind, many))
    feature = message(file.message_type, "Feature", ("bytes_list", ".tensorflow.BytesList", one),
                      ("float_list", ".tensorflow.FloatList", one), ("int64_list", ".tensorflow.Int64List", one))
    feature.oneof_decl.add(name="kind")
    for f in feature.field:
        f.oneof_index = 0
    features = message(file.message_type, "Features", ("feature", ".tensorflow.Features.FeatureEntry", many))
    entry = message(features.nested_type, "FeatureEntry", ("key", FIELD.TYPE_STRING, one), ("value", ".tensorflow.Feature", one))
    entry.options.map_entry = True
    message(file.message_type, "Example", ("features", ".tensorflow.Features", one))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("tensorflow.Example"))


EXAMPLE = example_class()


def checked(data, checksum, path):
    crc = crc32c.crc32c(data)
    if ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF != struct.unpack("<I", checksum)[0]:
        raise Damaged(f"{path}: a record is not as its checksum says")
    return data


def records(path):
    """The bytes of each record."""
    with gzip.open(path) as file:
        while head := file.read(8):
            n = struct.unpack("<Q", checked(head, file.read(4), path))[0]
            yield checked(file.read(n), file.read(4), path)


def rows(path):
    """Each example as a dict: lists of bytes, floats or integers by name."""
    for record in records(path):
        example = EXAMPLE.FromString(record)
        yield {name: list(getattr(f, f.WhichOneof("kind")).value) if f.WhichOneof("kind") else []
               for name, f in example.features.feature.items()}
