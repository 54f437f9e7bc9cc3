package events

// The reasons for which the decoder rejects an event. They are short, stable
// and few, so that they can label metrics and dead letters.
const (
	ReasonEmpty            = "empty"         // nothing but white space
	ReasonTooLarge         = "too_large"     // more bytes than Decoder.MaxBytes
	ReasonNotJSON          = "not_json"      // not what RFC 8259 calls JSON
	ReasonInvalidUTF8      = "invalid_utf8"  // an id or a type is not UTF-8, or has half of an escaped surrogate pair
	ReasonDuplicateKey     = "duplicate_key" // an object, however deep, names a member twice
	ReasonTooDeep          = "too_deep"      // nested deeper than Decoder.MaxDepth
	ReasonNotObject        = "not_object"    // JSON, but not an object
	ReasonWrongType        = "wrong_type"    // a known field of another type than documented
	ReasonMissingRequestID = "missing_request_id"
	ReasonEmptyRequestID   = "empty_request_id"
	ReasonLongRequestID    = "long_request_id" // more than MaxID bytes
	ReasonMissingTS        = "missing_ts"
	ReasonBadTS            = "bad_ts" // neither RFC 3339 nor an epoch, or beyond what Time covers
	ReasonMissingType      = "missing_type"
	ReasonLongOutcomeID    = "long_outcome_id" // more than MaxID bytes
	ReasonBadItem          = "bad_item"        // an item, or an item_id, that is not as documented
	ReasonLongName         = "long_name"       // a feature's flattened name has more than MaxName bytes
)

// Reasons lists every reason a RejectError can have.
func Reasons() []string {
	return []string{
		ReasonEmpty, ReasonTooLarge, ReasonNotJSON, ReasonInvalidUTF8, ReasonDuplicateKey, ReasonTooDeep,
		ReasonNotObject, ReasonWrongType, ReasonMissingRequestID, ReasonEmptyRequestID,
		ReasonLongRequestID, ReasonMissingTS, ReasonBadTS, ReasonMissingType, ReasonLongOutcomeID,
		ReasonBadItem, ReasonLongName,
	}
}

// RejectError says why an event could not be decoded. It is the only type of
// error that a Decoder returns.
type RejectError struct {
	Reason string // one of the Reason constants
	Detail string // what was wrong and where, in words
}

// Error joins the reason and the detail.
func (e *RejectError) Error() string { return e.Reason + ": " + e.Detail }

// The reasons for which an event that could be decoded is quarantined: its time and the
// time at which the broker stored it are too far apart.
const (
	ReasonMaxFuture = "max_future" // it is stamped later than join.max_future allows
	ReasonMaxAge    = "max_age"    // it is stamped earlier than join.max_age allows
)
