// Package schema says what the columns of rows should be, and where they are
// not: it infers and updates schemas, finds anomalies, drift and skew, by the
// rules and with the texts of TensorFlow Data Validation.
//
// The rules follow the C++ of https://github.com/tensorflow/data-validation at
// commit 710b32f (June 2026), folder anomalies, Copyright 2018 Google LLC, under
// the Apache License 2.0. Where a rule of TFDV is a trap it is kept under its
// name, and Pinned has a measure beside it that holds.
package schema
