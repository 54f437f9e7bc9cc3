package config

import (
	"reflect"
	"strings"
	"testing"
)

// TestMissingKnowsEverySetting finds each setting of the configuration that holds a secret or, by its
// name, a file, and looks whether Missing asks for it.
func TestMissingKnowsEverySetting(t *testing.T) {
	c := Default()
	c.NATS.TLS, c.HTTP.Ingest, c.Export.Validate = &TLS{}, &Ingest{TLS: &IngestTLS{}}, &ExportValidate{}
	known := map[string]bool{}
	for _, v := range c.variables() {
		known[v.setting] = true
	}
	for _, f := range c.files() {
		known[f.setting] = true
	}
	names := map[string]bool{"creds": true, "nkey": true, "ca": true, "cert": true, "key": true, "client_ca": true, "schema": true}
	found := 0
	var walk func(path string, v reflect.Value)
	walk = func(path string, v reflect.Value) {
		if v.Kind() == reflect.Pointer && !v.IsNil() {
			v = v.Elem()
		}
		if v.Kind() != reflect.Struct {
			return
		}
		for i := range v.NumField() {
			field := v.Type().Field(i)
			name, _, _ := strings.Cut(field.Tag.Get("yaml"), ",")
			if name == "" {
				continue
			}
			at := join(path, name)
			file := field.Type.Kind() == reflect.String && (names[name] || strings.HasSuffix(name, "_file"))
			if file || field.Type == reflect.TypeFor[Secret]() || field.Type == reflect.TypeFor[User]() {
				if found++; !known[at] {
					t.Errorf("%s is not looked for", at)
				}
				continue
			}
			walk(at, v.Field(i))
		}
	}
	walk("", reflect.ValueOf(c))
	if found != len(known) {
		t.Errorf("%d settings found, %d are looked for", found, len(known))
	}
}
