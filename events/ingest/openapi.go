package ingest

import (
	_ "embed" // for the document
	"encoding/json"
	"fmt"
)

// openAPI describes what the server takes and answers, but the names of the inputs.
//
//go:embed openapi.json
var openAPI []byte

// document is the OpenAPI document of a server with these inputs.
func document(inputs []string, withTokens bool) ([]byte, error) {
	var doc map[string]any
	if err := json.Unmarshal(openAPI, &doc); err != nil {
		return nil, fmt.Errorf("the OpenAPI document: %w", err)
	}
	post := doc["paths"].(map[string]any)["/v1/events/{input}"].(map[string]any)["post"].(map[string]any)
	parameters := post["parameters"].([]any)
	parameters[0].(map[string]any)["schema"] = map[string]any{"type": "string", "enum": inputs}
	if withTokens {
		post["security"] = []any{map[string]any{"bearer": []any{}}}
	}
	return json.Marshal(doc)
}
