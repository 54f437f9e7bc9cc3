package jsonevent_test

import (
	"math"
	"strings"
	"testing"

	"github.com/labeljoin/labeljoin/events/jsonevent"
)

// TestIDsWrittenAsNumbers: the digits of a whole number are the id, however many they
// are. What a float made of one is no id, for nothing tells which it was.
func TestIDsWrittenAsNumbers(t *testing.T) {
	var d jsonevent.Decoder
	for number, want := range map[string]string{
		"1": "1", "0": "0", "-0": "-0", "-17": "-17", "9007199254740993": "9007199254740993", "18446744073709551616": "18446744073709551616",
		strings.Repeat("9", 256): strings.Repeat("9", 256), "1.0": "", "1e3": "", "1.2345678901234567e+18": "", strings.Repeat("9", 257): "",
	} {
		t.Run(number[:min(len(number), 30)], func(t *testing.T) {
			raw := `{"request_id":` + number + `,"outcome_id":` + number + `,"item_id":` + number + `,"type":"t","ts":1}`
			o, _, err := d.DecodeOutcome([]byte(raw))
			if ok := o.RequestID == want && o.ID == want && o.ItemID == want; !ok || (err == nil) != (want != "") {
				t.Errorf("outcome %+v, %v", o, err)
			}
			req, err := d.DecodeRequest([]byte(`{"request_id":` + number + `,"ts":1,"items":[{"item_id":` + number + `}]}`))
			if (err == nil) != (want != "") || err == nil && (req.ID != want || req.Items[0].ID != want) {
				t.Errorf("request %+v, %v", req, err)
			}
		})
	}
	text, err := d.DecodeRequest([]byte(`{"request_id":"r","ts":1,"model":7,"model_version":1.10,"user_id":1e3}`))
	if err != nil || text.Model != "7" || text.ModelVersion != "1.10" || text.UserID != "1e3" {
		t.Errorf("%+v, %v: want what is written", text, err)
	}
}

// TestNumbersWrittenAsText: a text that is a JSON number and nothing else is that
// number.
func TestNumbersWrittenAsText(t *testing.T) {
	var d jsonevent.Decoder
	for text, want := range map[string]float64{
		"1": 1, "-0.5": -0.5, "19.90": 19.9, "1e3": 1000, "0": 0, "12345678901234567890": 12345678901234567890,
		"": math.NaN(), " 1": math.NaN(), "1 ": math.NaN(), "+1": math.NaN(), "01": math.NaN(), ".5": math.NaN(), "5.": math.NaN(), "1,5": math.NaN(),
		"0x10": math.NaN(), "1_0": math.NaN(), "NaN": math.NaN(), "Infinity": math.NaN(), "12 EUR": math.NaN(), "true": math.NaN(), "1e": math.NaN(),
	} {
		t.Run(text, func(t *testing.T) {
			good := !math.IsNaN(want)
			o, _, err := d.DecodeOutcome([]byte(`{"request_id":"r","type":"t","ts":1,"value":"` + text + `"}`))
			if (err == nil) != good || good && (o.Value != want || !o.HasValue) {
				t.Errorf("value %v %v, %v", o.Value, o.HasValue, err)
			}
			if !good && !strings.Contains(err.Error(), "value") {
				t.Errorf("%v does not name the field", err)
			}
			req, err := d.DecodeRequest([]byte(`{"request_id":"r","ts":1,"score":"` + text + `","items":[{"item_id":"a","score":"` + text + `"}]}`))
			if (err == nil) != good || good && (req.Score != want || req.Items[0].Score != want || !req.Items[0].HasScore) {
				t.Errorf("score %v, items %+v, %v", req.Score, req.Items, err)
			}
		})
	}
	req, err := d.DecodeRequest([]byte(`{"request_id":"r","ts":1,"items":[{"item_id":"a","position":"3"},{"item_id":"b","position":"4.0"}]}`))
	if err != nil || req.Items[0].Position != 3 || req.Items[1].Position != 4 {
		t.Errorf("%+v, %v", req.Items, err)
	}
}
