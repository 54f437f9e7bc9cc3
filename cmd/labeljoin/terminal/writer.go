// Package terminal is how the commands speak with the person or the program that gave them: safe text and
// progress on a terminal, the log, mistakes in a command line, exit codes.
package terminal

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mattn/go-isatty"
)

// Ids, types, notes and names of files come from producers and may hold anything,
// also what a terminal takes for a command, or what makes text look other than it
// is. Everything that this program prints goes through a safeWriter.

// UnsafeRune reports whether a rune does something to a terminal or to the order
// of the text around it: control characters, marks of direction, line and
// paragraph separators.
func UnsafeRune(r rune) bool {
	if r == '\n' || r == '\t' {
		return false
	}
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029' || r == '\ufeff'
}

// escaped writes a rune as JSON does, so that JSON stays JSON.
func escaped(r rune) string { return fmt.Sprintf(`\u%04x`, r) }

// Raw is where a writer writes to, without the escapes of a SafeWriter: for what another
// program reads.
func Raw(w io.Writer) io.Writer {
	if safe, ok := w.(*SafeWriter); ok {
		return safe.To
	}
	return w
}

// Program is where a writer writes to for text that a program reads, such as SQL, in which an
// escape is another name: as it is, but on a terminal with the escapes of a SafeWriter.
func Program(w io.Writer) io.Writer {
	if f, ok := terminalOf(w); ok && isatty.IsTerminal(f.Fd()) {
		return w
	}
	return Raw(w)
}

// SafeWriter escapes what is unsafe in what is written, and remembers the first error.
type SafeWriter struct {
	To   io.Writer
	Err  error
	Talk bool   // what is written is about the work and no result of it: no Write fails
	rest []byte // the beginning of a rune whose end is not written yet
}

// Write implements io.Writer.
func (w *SafeWriter) Write(p []byte) (int, error) {
	text := append(w.rest, p...)
	w.rest = nil
	var out strings.Builder
	for len(text) > 0 {
		if !utf8.FullRune(text) {
			w.rest = append(w.rest, text...)
			break
		}
		r, size := utf8.DecodeRune(text)
		switch {
		case r == utf8.RuneError && size == 1:
			out.WriteRune(utf8.RuneError)
		case UnsafeRune(r):
			out.WriteString(escaped(r))
		default:
			out.Write(text[:size])
		}
		text = text[size:]
	}
	if _, err := io.WriteString(w.To, out.String()); err != nil {
		if w.Err == nil {
			w.Err = err
		}
		if !w.Talk {
			return 0, err
		}
	}
	return len(p), nil
}

// terminalOf is the file that a writer writes to in the end, if it is one.
func terminalOf(w io.Writer) (*os.File, bool) {
	if safe, ok := w.(*SafeWriter); ok {
		w = safe.To
	}
	f, ok := w.(*os.File)
	return f, ok
}

// OneLine is a text from outside as part of a line: without an end of line or a
// tab, which would make it look like other lines or columns.
func OneLine(text string) string {
	return strings.NewReplacer("\n", escaped('\n'), "\t", escaped('\t')).Replace(text)
}

// LineWriter prints lines and remembers the first error. Texts among the
// arguments stay on their line.
type LineWriter struct {
	To  io.Writer
	Err error
}

// Line prints a line, unless an error came before.
func (w *LineWriter) Line(format string, args ...any) {
	safe := make([]any, len(args))
	for i, arg := range args {
		safe[i] = arg
		switch arg := arg.(type) {
		case string:
			safe[i] = OneLine(arg)
		case error:
			safe[i] = OneLine(arg.Error())
		}
	}
	if w.Err == nil {
		_, w.Err = fmt.Fprintf(w.To, format+"\n", safe...)
	}
}
