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

// Lines is what stands behind FROM in DuckDB for lines of JSON: a table as it is, or files by their names. A pattern
// with * stands for several files.
//
// Files are read as texts and not as JSON, because DuckDB's reader of JSON removes bytes around an object that a replay
// rejects (form feeds, for example), before the query can see them. A line is all that stands before a line feed. A
// carriage return behind something else on its line stops the reader: to DuckDB it would be the end of a line, and to
// a replay it is white space. The text between columns can stand nowhere: within a line it makes a second column, which
// stops the reader, and at the end of a line it is white space, which is no part of an event.
// Blank lines are left out, as by a replay. One thread reads: several stop at some files, which DuckDB then says.
func (r *Raw) Lines(from string) string {
	name := strings.TrimSuffix(strings.TrimSuffix(from, ".gz"), ".zst")
	if ext := path.Ext(name); ext != ".jsonl" && ext != ".ndjson" && ext != ".json" {
		return from
	}
	longest := max(leastLine, r.MaxBytes+len("\n"))
	return fmt.Sprintf(`read_csv('%s', columns = {'line': 'VARCHAR'}, auto_detect = false, header = false,
    strict_mode = true, new_line = '\n', delim = E'\t \t ', quote = '', escape = '', comment = '', nullstr = E'\x01',
    hive_partitioning = false, parallel = false, max_line_size = %d, buffer_size = %d)`,
		strings.ReplaceAll(from, "'", "''"), longest, max(leastBuffer, 2*longest))
}
