package ingest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
)

// otlpInput is the input that takes logs at /v1/logs: the only one of that format.
func otlpInput(inputs []Input) (name, why string) {
	var of []string
	for i := range inputs {
		if inputs[i].Format == formatOTLP {
			of = append(of, inputs[i].Name)
		}
	}
	switch len(of) {
	case 0:
		return "", "no input has the format otlp"
	case 1:
		return of[0], ""
	}
	return "", "several inputs have the format otlp: post to /v1/events/ and the name of one (" + strings.Join(of, ", ") +
		")"
}

// postLogs takes logs of OpenTelemetry, and answers as its exporters expect (OTLP 1.0,
// OTLP/HTTP): 200, with how many were refused; or a status of Google's RPCs.
func (s *Server) postLogs(w http.ResponseWriter, r *http.Request) {
	began := s.opts.Now()
	proto := strings.HasPrefix(r.Header.Get("Content-Type"), mediaProtobuf)
	var result *result
	failed := fail(http.StatusNotFound, "%s", s.noOTLP)
	if s.otlp != "" {
		result, failed = s.handle(w, r, s.otlp)
	}
	if failed == nil && result.accepted == 0 && result.refusedCount > 0 && result.refused[0].Reason == reasonFormat {
		failed = fail(http.StatusBadRequest, "%s", result.refused[0].Detail)
	}
	if failed != nil {
		s.count(&began, failed.status, 0)
		writeOTLP(w, failed.status, proto, rpcStatus(proto, failed.detail))
		return
	}
	s.count(&began, http.StatusOK, result.bytes)
	writeOTLP(w, http.StatusOK, proto, result.otlp(proto))
}

// reasonFormat is the reason of a message that is not in its input's format, as mappings
// give it.
const reasonFormat = "bad_format"

// otlp is an ExportLogsServiceResponse.
func (r *result) otlp(proto bool) []byte {
	text := ""
	if r.refusedCount > 0 {
		text = fmt.Sprintf("record %d: %s: %s", r.refused[0].Index, r.refused[0].Reason, r.refused[0].Detail)
	}
	if !proto {
		if r.refusedCount == 0 {
			return []byte("{}\n")
		}
		data, err := json.Marshal(map[string]any{"partialSuccess": map[string]any{
			"rejectedLogRecords": fmt.Sprint(r.refusedCount), "errorMessage": text}})
		if err != nil { // texts always can be
			return []byte("{}\n")
		}
		return data
	}
	if r.refusedCount == 0 {
		return nil
	}
	var partial []byte
	partial = protowire.AppendTag(partial, 1, protowire.VarintType)
	partial = protowire.AppendVarint(partial, uint64(r.refusedCount))
	partial = protowire.AppendTag(partial, 2, protowire.BytesType)
	partial = protowire.AppendString(partial, text)
	return protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), partial)
}

// rpcStatus is a google.rpc.Status, of which exporters read the text.
func rpcStatus(proto bool, text string) []byte {
	if !proto {
		data, err := json.Marshal(map[string]string{"message": text})
		if err != nil { // texts always can be
			return []byte("{}\n")
		}
		return data
	}
	return protowire.AppendString(protowire.AppendTag(nil, 2, protowire.BytesType), text)
}

func writeOTLP(w http.ResponseWriter, status int, proto bool, data []byte) {
	media := "application/json"
	if proto {
		media = mediaProtobuf
	}
	w.Header().Set("Content-Type", media)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(data) // the producer may have hung up
}
