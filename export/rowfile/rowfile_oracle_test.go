package rowfile

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// The oracle is a second, plain implementation of the columns and of their types:
// rows of name -> value, where a value is nil, bool, int64, float64, string or
// a []any of them.
type record1 = map[string]any

// expected is what the rows must read back as, and the columns in order.
func expected(in []sample, weighted bool) (rows []record1, columns []string) {
	raw := map[string][]events.Value{}
	var request, item []string
	note := func(name string, of *[]string, row int, v events.Value) {
		if v.Kind == events.ValueNull {
			return
		}
		if raw[name] == nil {
			raw[name] = make([]events.Value, len(in))
			*of = append(*of, name)
		}
		raw[name][row] = v
	}
	for i, s := range in {
		for _, f := range s.req.Features {
			note(f.Name, &request, i, f.Value)
		}
		if s.row.Item >= 0 {
			for _, f := range s.req.Items[s.row.Item].Features {
				note("item_"+f.Name, &item, i, f.Value)
			}
		}
		rows = append(rows, plain(&s, weighted))
	}
	slices.Sort(request)
	slices.Sort(item)
	columns = slices.Concat([]string{"request_id", "request_ts", "model", "model_version", "user_id", "item_id", "position", "score"},
		request, item, []string{"clicked", "clicked_ts", "revenue", "revenue_ts", "n", "n_ts"})
	if weighted {
		columns = append(columns, "weight")
	}
	columns = append(columns, "revision", "reason")
	for name, values := range raw {
		typ, all := typeAll(in, values)
		if typ == "" {
			columns = slices.DeleteFunc(columns, func(c string) bool { return c == name })
			continue
		}
		for i, v := range all {
			rows[i][name] = v
		}
	}
	return rows, columns
}

func plain(s *sample, weighted bool) record1 {
	null := func(ok bool, v any) any {
		if ok {
			return v
		}
		return nil
	}
	floor := func(t events.Time) int64 { return t.Std().UnixMicro() }
	q := &s.req
	r := record1{
		"request_id": q.ID, "request_ts": floor(q.TS), "model": null(q.Model != "", q.Model),
		"model_version": null(q.ModelVersion != "", q.ModelVersion), "user_id": null(q.UserID != "", q.UserID),
		"item_id": nil, "position": nil, "score": null(q.HasScore, q.Score),
		"revision": int64(s.row.Revision), "reason": s.row.Reason.String(),
	}
	if s.row.Item >= 0 {
		it := &q.Items[s.row.Item]
		r["item_id"], r["position"], r["score"] = it.ID, null(it.HasPosition, it.Position), null(it.HasScore, it.Score)
	}
	for i, l := range testLabels {
		c := s.row.Cells[i]
		var v any = c.Value
		if l.Agg == joiner.AggAny || l.Agg == joiner.AggCount {
			v = int64(c.Value)
		}
		r[l.Name], r[l.Name+"_ts"] = null(!c.Null, v), null(c.TS != events.MinTime, floor(c.TS))
	}
	if weighted {
		r["weight"] = s.row.Weight
	}
	return r
}

// typeAll is the rule as the documentation has it: the value of the first request, by
// time and id, that is not null and has a type gives it; what does not fit is null. An
// empty list of a request before that one is null. name is empty where none has a type.
func typeAll(in []sample, values []events.Value) (typ string, out []any) {
	out = make([]any, len(values))
	order := make([]int, len(values))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(x, y int) int {
		return cmp.Or(cmp.Compare(in[x].req.TS, in[y].req.TS), cmp.Compare(in[x].req.ID, in[y].req.ID))
	})
	for _, i := range order {
		if typ == "" {
			typ = typeNamed(values[i])
		}
		if typ != "" {
			out[i] = fitted(typ, values[i])
		}
	}
	return typ, out
}

func typeNamed(v events.Value) string {
	switch v.Kind {
	case events.ValueBool:
		return "bool"
	case events.ValueInt, events.ValueDouble:
		return "double"
	case events.ValueString:
		return "string"
	case events.ValueJSON:
		return "json"
	case events.ValueList:
		of := map[string]bool{}
		for _, e := range v.List {
			if e.Kind != events.ValueNull {
				of[typeNamed(e)] = true
			}
		}
		for name := range of {
			if len(of) == 1 && name != "json" && !strings.HasPrefix(name, "list") {
				return "list<" + name + ">"
			}
		}
		if len(of) > 0 {
			return "json"
		}
	}
	return ""
}

func fitted(typ string, v events.Value) any {
	element, list := strings.CutPrefix(strings.TrimSuffix(typ, ">"), "list<")
	switch {
	case v.Kind == events.ValueNull:
		return nil
	case typ == "json":
		return jsonText(v)
	case list && v.Kind == events.ValueList:
		out := []any{}
		for _, e := range v.List {
			out = append(out, fitted(element, e))
		}
		return out
	case list || typeNamed(v) != typ:
		return nil
	case v.Kind == events.ValueInt:
		return float64(v.Int)
	}
	return native(v)
}

func native(v events.Value) any {
	switch v.Kind {
	case events.ValueBool:
		return v.Int != 0
	case events.ValueInt:
		return v.Int
	case events.ValueDouble:
		return v.Float
	case events.ValueString, events.ValueJSON:
		return v.Str
	case events.ValueList:
		list := []any{}
		for _, e := range v.List {
			list = append(list, native(e))
		}
		return list
	}
	return nil
}

func jsonText(v events.Value) string {
	if v.Kind == events.ValueJSON {
		return v.Str
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(native(v)); err != nil {
		return err.Error()
	}
	// encoding/json alone escapes these two, for JavaScript's sake.
	return strings.NewReplacer(`\u2028`, "\u2028", `\u2029`, "\u2029").Replace(strings.TrimSuffix(b.String(), "\n"))
}

// readAll reads a file with the Parquet library's own row reader.
func readAll(t testing.TB, data []byte) (rows []record1, columns []string) {
	t.Helper()
	f, err := parquet.OpenFile(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	fields := f.Schema().Fields()
	for _, field := range fields {
		columns = append(columns, field.Name())
	}
	for _, group := range f.RowGroups() {
		reader := group.Rows()
		buf := make([]parquet.Row, 64)
		for {
			n, err := reader.ReadRows(buf)
			for _, row := range buf[:n] {
				rec := record1{}
				row.Range(func(i int, values []parquet.Value) bool {
					rec[columns[i]] = decoded(values, !fields[i].Leaf())
					return true
				})
				rows = append(rows, rec)
			}
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		reader.Close()
	}
	return rows, columns
}

func decoded(values []parquet.Value, list bool) any {
	one := func(v parquet.Value) any {
		switch {
		case v.IsNull():
			return nil
		case v.Kind() == parquet.Boolean:
			return v.Boolean()
		case v.Kind() == parquet.Int32:
			return int64(v.Int32())
		case v.Kind() == parquet.Int64:
			return v.Int64()
		case v.Kind() == parquet.Float:
			return v.Float()
		case v.Kind() == parquet.Double:
			return v.Double()
		}
		return string(v.ByteArray())
	}
	if !list {
		return one(values[0])
	}
	switch {
	case len(values) == 1 && values[0].DefinitionLevel() == 0:
		return nil
	case len(values) == 1 && values[0].DefinitionLevel() == 1:
		return []any{}
	}
	out := []any{}
	for _, v := range values {
		out = append(out, one(v))
	}
	return out
}
