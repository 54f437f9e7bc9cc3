package sql

import (
	"fmt"
	"path"
	"strings"
)

// The longest line of a file that DuckDB hands over, in bytes, is at least what DuckDB takes by itself. A file is read
// through a buffer of at least the size that DuckDB takes by itself, which has room for several lines.
const (
	leastLine   = 2 << 20
	leastBuffer = 32 << 20
)

// Lines is what stands behind FROM for lines of JSON: a table as it is, or files by their names. A pattern with *
// stands for several files. A line is all that stands before a line feed. The error is a *RefusedError.
func (r *Raw) Lines(d Dialect, from string) (string, error) {
	name := strings.TrimSuffix(strings.TrimSuffix(from, ".gz"), ".zst")
	if ext := path.Ext(name); ext != ".jsonl" && ext != ".ndjson" && ext != ".json" {
		return from, nil
	}
	if d == DialectSpark {
		return sparkLines(from)
	}
	return r.duckLines(from), nil
}

// duckLines reads files as texts and not as JSON, because DuckDB's reader of JSON removes bytes around an object that a
// replay rejects (form feeds, for example), before the query can see them. A carriage return behind something else on
// its line stops the reader: to DuckDB it would be the end of a line, and to a replay it is white space. The text
// between columns can stand nowhere: within a line it makes a second column, which stops the reader, and at the end of
// a line it is white space, which is no part of an event. Blank lines are left out, as by a replay. One thread reads:
// several stop at some files, which DuckDB then says.
func (r *Raw) duckLines(from string) string {
	longest := max(leastLine, r.MaxBytes+len("\n"))
	return fmt.Sprintf(`read_csv('%s', columns = {'line': 'VARCHAR'}, auto_detect = false, header = false,
    strict_mode = true, new_line = '\n', delim = E'\t \t ', quote = '', escape = '', comment = '', nullstr = E'\x01',
    hive_partitioning = false, parallel = false, max_line_size = %d, buffer_size = %d)`,
		strings.ReplaceAll(from, "'", "''"), longest, max(leastBuffer, 2*longest))
}

// sparkLines reads files as texts. By themselves they end a line at a carriage return, too. What settings of a session
// may leave out in silence is an error here, or is read: files that are damaged or vanish, and long lines.
func sparkLines(from string) (string, error) {
	what := "the file " + from
	if strings.HasSuffix(from, ".zst") {
		return "", &RefusedError{what, "Spark takes a .zst file that is cut off behind a first frame for whole: pack it with gzip, " +
			"or use `labeljoin archive`"}
	}
	parts := strings.Split(from, "/")
	for _, part := range parts {
		switch {
		case strings.Contains(part, "**"):
			return "", &RefusedError{what, "to Spark ** is one directory: write the pattern with a * for each one"}
		case part != "" && strings.ContainsAny(part[:1], "*?[{") && !strings.HasPrefix(part, "[!._]"):
			return "", &RefusedError{what, fmt.Sprintf("Spark passes over files whose names begin with a dot or an underscore, "+
				"and not over such directories; a replay does the opposite: write [!._]%s in the place of %s", part, part)}
		}
	}
	if strings.ContainsAny(parts[len(parts)-1][:1], "._") {
		return "", &RefusedError{what, "Spark passes over files whose names begin with a dot or an underscore: rename it, " +
			"or use `labeljoin archive`"}
	}
	return "text." + DialectSpark.name(from) + ` WITH (lineSep = '\n',
    ignoreCorruptFiles = false, ignoreMissingFiles = false, ` + "`mapreduce.input.linerecordreader.line.maxlength` = 2147483647)", nil
}
