package formats_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"

	"github.com/labeljoin/labeljoin/events/formats"
)

func TestDetect(t *testing.T) {
	for text, want := range map[string]formats.Format{
		"":                                 formats.FormatLines,
		"{}\n{}\n":                         formats.FormatLines,
		"[{},{}]\n[{}]\n":                  formats.FormatLines,
		"[{\"a\":\"]\"},{}]\n[{}]\n":       formats.FormatLines,
		"[\n {},\n {}]":                    formats.FormatArray,
		"[{},{}]":                          formats.FormatArray,
		" \xef\xbb\xbf":                    formats.FormatLines,
		"\xef\xbb\xbf[{},{}]":              formats.FormatArray,
		"[[[":                              formats.FormatLines,
		"request_id,ts\na,1\n":             formats.FormatCSV,
		"request_id;ts\na;1\n":             formats.FormatCSV,
		"request_id\tts\na\t1\n":           formats.FormatCSV,
		"\"request_id\",\"ts\"\na,1\n":     formats.FormatCSV,
		"\xef\xbb\xbfrequest_id,ts\r\na,1": formats.FormatCSV,
		"uest_id\":\"r\",\"ts\":1}\n{}\n":  formats.FormatLines, // half a line first
		",request_id,ts\n0,a,1\n":          formats.FormatCSV,   // pandas writes its index
		"id (nr);at;price €;\n1;2;3;4\n":   formats.FormatCSV,
		"\tid\tts\n0\ta\t1\n":              formats.FormatCSV,
		",ts\na,1\n":                       formats.FormatLines, // one name is no header
		",column_1,ts\n1,2,3\n":            formats.FormatLines,
		"uest_id,ts\n{}\n":                 formats.FormatLines,
		"2026-01-01,a\n":                   formats.FormatLines,
		"a,a\n1,2\n":                       formats.FormatLines,
		"a,b":                              formats.FormatLines, // a header alone is no table
		"PAR1\x00\x00":                     formats.FormatParquet,
		"Obj\x01\x00":                      formats.FormatAvro,
		"Obj":                              formats.FormatLines,
	} {
		t.Run(text, func(t *testing.T) {
			if got := formats.Detect([]byte(text)); got != want {
				t.Errorf("%q is %s, want %s", text, got, want)
			}
		})
	}
}

// packed is a text in every compression.
func packed(t *testing.T, text []byte) map[string][]byte {
	t.Helper()
	all := map[string][]byte{"": text}
	for name, open := range map[string]func(io.Writer) io.WriteCloser{
		"gzip": func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) },
		"zstd": func(w io.Writer) io.WriteCloser {
			z, err := zstd.NewWriter(w)
			if err != nil {
				t.Fatal(err)
			}
			return z
		},
		"lz4":    func(w io.Writer) io.WriteCloser { return lz4.NewWriter(w) },
		"snappy": func(w io.Writer) io.WriteCloser { return s2.NewWriter(w, s2.WriterSnappyCompat()) },
	} {
		var b bytes.Buffer
		w := open(&b)
		if _, err := w.Write(text); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		all[name] = b.Bytes()
	}
	return all
}

func TestUnpack(t *testing.T) {
	text := []byte(strings.Repeat("{\"request_id\":\"r\"}\n", 20_000))
	for name, data := range packed(t, text) {
		t.Run("as "+name, func(t *testing.T) {
			u, err := formats.Unpack(bytes.NewReader(data))
			if err != nil {
				t.Fatal(err)
			}
			defer u.Close()
			if got, err := io.ReadAll(u); err != nil || !bytes.Equal(got, text) || u.Codec != name {
				t.Errorf("%d bytes of %d as %q, %v", len(got), len(text), u.Codec, err)
			}
			if name == "" {
				return
			}
			short, err := formats.Unpack(bytes.NewReader(data[:len(data)*2/3]))
			if err != nil {
				t.Fatal(err)
			}
			defer short.Close()
			if got, err := io.ReadAll(short); err == nil {
				t.Errorf("two thirds of a file are %d bytes and no error", len(got))
			}
		})
	}
}

// elements reads arrays whole.
func elements(text string, longest int) (all []string, err error) {
	a := formats.NewArray(bufio.NewReaderSize(strings.NewReader(text), 16), longest)
	for {
		n, e, err := a.Next()
		if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		if all = append(all, string(e)); n != uint64(len(all)) {
			return all, fmt.Errorf("element %d has the number %d", len(all), n)
		}
	}
}

func TestArray(t *testing.T) {
	for text, want := range map[string][]string{
		"[]":                                nil,
		" [ ] \n":                           nil,
		"[{}]":                              {"{}"},
		"[{\"a\":[1,2]},\n {\"b\":\"],\"}]": {"{\"a\":[1,2]}", "{\"b\":\"],\"}"},
		"[{\"a\":\"\\\"]\"},{}]\n[{}]":      {"{\"a\":\"\\\"]\"}", "{}", "{}"},
		"[{},]":                             {"{}"},
		"[{},,{}]":                          {"{}", "", "{}"},
	} {
		t.Run(text, func(t *testing.T) {
			got, err := elements(text, 1000)
			if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%q: %q, %v; want %q", text, got, err, want)
			}
		})
	}
	got, err := elements("[{},{\"a\":", 1000)
	if !errors.Is(err, io.ErrUnexpectedEOF) || len(got) != 2 {
		t.Errorf("an array that is not closed: %q, %v", got, err)
	}
	if got, err := elements("[{}] x", 1000); err == nil || len(got) != 1 {
		t.Errorf("something behind an array: %q, %v", got, err)
	}
	if got, err := elements("[{\""+strings.Repeat("x", 5000)+"\":1},{}]", 100); err != nil || len(got) != 2 ||
		len(got[0]) != 101 {
		t.Errorf("a long element: %d, %v", len(got), err)
	}
}

// TestArraysAreCutWhereBytesSay: random texts are cut as a plain reading of each byte cuts them, however the reader
// comes by its parts, and of a long element one byte more than the limit is kept.
func TestArraysAreCutWhereBytesSay(t *testing.T) {
	for seed := range uint64(500) {
		rng := rand.New(rand.NewPCG(seed, 5))
		var inner strings.Builder
		for range rng.IntN(60) {
			inner.WriteString([]string{"x", " ", `\`, `"`, `{`, `}`, `[`, `]`, `,`, `\"`,
				strings.Repeat("long", rng.IntN(200))}[rng.IntN(11)])
		}
		text, longest := "["+inner.String(), rng.IntN(300)
		var want []string
		element, depth, quoted, escaped := "", 1, false, false
		for i, c := range []byte(inner.String()) {
			switch {
			case escaped:
				escaped = false
			case quoted:
				escaped, quoted = c == '\\', c != '"'
			default:
				quoted = c == '"'
				depth += map[byte]int{'[': 1, '{': 1, ']': -1, '}': -1}[c]
			}
			if depth == 0 || depth == 1 && !quoted && c == ',' {
				element = strings.TrimSpace(element[:min(len(element), longest+1)])
				if depth == 1 || element != "" {
					want = append(want, element)
				}
				if element = ""; depth == 0 {
					text = text[:i+2]
					break
				}
				continue
			}
			element += string(c)
		}
		if half := strings.TrimSpace(element[:min(len(element), longest+1)]); depth > 0 && half != "" {
			want = append(want, half)
		}
		got, _ := elements(text, longest) // what stands behind an array, or that it is not closed, is another test's
		if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
			t.Fatalf("seed %d: %q is cut to\n%q, want\n%q", seed, text, got, want)
		}
	}
}

// table reads a table whole, as "line: event".
func table(t *testing.T, text string) (all []string) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	r := formats.NewTable(func() ([]byte, error) {
		if len(lines) == 0 {
			return nil, io.EOF
		}
		line := strings.TrimSuffix(lines[0], "\r")
		lines = lines[1:]
		return []byte(line), nil
	})
	for {
		n, event, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, fmt.Sprintf("%d: %s", n, event))
	}
}

func TestTable(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"types": {"request_id,ts,value,x,ok\n007,1767225600000,1.50,0x,true\n",
			`2: {"request_id":"007","ts":1767225600000,"value":1.50,"x":"0x","ok":true}`},
		"time":   {"request_id,ts\r\na,2026-01-01T00:00:00Z\r\n", `2: {"request_id":"a","ts":"2026-01-01T00:00:00Z"}`},
		"absent": {"request_id;item_id;value\na;;\n", `2: {"request_id":"a"}`},
		"dots": {"request_id,features.age,features.to.x,attrs.s\na,3,007,\"x\"\"y\"\n",
			`2: {"request_id":"a","features":{"age":3,"to":{"x":"007"}},"attrs":{"s":"x\"y"}}`},
		"nested": {"request_id\titems\na\t\"[{\"\"item_id\"\":\"\"i\"\"}]\"\n",
			`2: {"request_id":"a","items":[{"item_id":"i"}]}`},
		"columns without names": {",request_id,ts,\n0,a,1,\n1,b,2,x\n", `2: {"column_1":0,"request_id":"a","ts":1}` + "\n" +
			`3: {"column_1":1,"request_id":"b","ts":2,"column_4":"x"}`},
		"tabs at both ends": {"\tid\tx\t\r\n0\ta\tb\t\r\n", `2: {"column_1":0,"id":"a","x":"b"}`},
		"no numbers": {"request_id,features,attrs.x,attrs.y\na,\"{\"\"n\"\":[NaN,-Infinity],\"\"t\"\":\"\"NaN \\\"\" \xff\"\"}\",[-NaN],[1NaN]\n",
			`2: {"request_id":"a","features":{"n":[NaN,-Infinity],"t":"NaN \" ` + "\xff" + `"},"attrs":{"x":"[-NaN]","y":"[1NaN]"}}`},
		"over lines": {"request_id,x\na,\"1\n2\"\n\nb,3\n", `2: {"request_id":"a","x":"1\u000a2"}` + "\n" +
			`5: {"request_id":"b","x":3}`},
		"fields": {"request_id,x\na\nb,3\n", "2: the record has 1 fields and the header 2: a\n" +
			`3: {"request_id":"b","x":3}`},
		"a quote": {"request_id,x\na,\"1\nb,3\n",
			"2: parse error on line 1, column 5: extraneous or missing \" in quoted-field: a,\"1\n" +
				`3: {"request_id":"b","x":3}`},
		"no number": {"request_id,value\na,NaN\nb,1e\n", `2: {"request_id":"a","value":"NaN"}` + "\n" +
			`3: {"request_id":"b","value":"1e"}`},
	} {
		t.Run(name, func(t *testing.T) {
			if got := strings.Join(table(t, c.text), "\n"); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

// TestFloatsAreShortest compares with strconv, which AppendFloat leaves most numbers to. A
// whole number has a fraction all the same.
func TestFloatsAreShortest(t *testing.T) {
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 0))
	check := func(f float64) {
		t.Helper()
		want := strconv.FormatFloat(f, 'g', -1, 64)
		if !strings.ContainsAny(want, ".e") {
			want += ".0"
		}
		if got := string(formats.AppendFloat(nil, f)); got != want {
			t.Fatalf("seed %d: %b is written %s, want %s", seed, f, got, want)
		}
	}
	for _, f := range []float64{0, math.Copysign(0, -1), 1, -1, 0.1, 1e-4, 9.9999e-5, 0.000123, 999999.999999, 1e6,
		123456.7, math.MaxFloat64,
		math.SmallestNonzeroFloat64, 0.30000000000000004, 999999.9999995} {
		check(f)
	}
	for range 50_000 {
		digits := math.Pow10(rng.IntN(9))
		check(math.Round(rng.NormFloat64()*digits*1000) / digits)
		check(rng.NormFloat64() * digits)
		check(math.Float64frombits(math.Float64bits(float64(rng.IntN(1e9))/1e6) + uint64(rng.IntN(3))))
	}
}
