package terminal

import "testing"

func TestPlainText(t *testing.T) {
	for _, c := range []struct{ name, page, want string }{
		{"heading", "# A `page`\n\n### Part\n", "A page\n------\n\nPart\n"},
		{"marks and links", "See [the **other**](x.md#a) `a_b`.\n", "See the other a_b.\n"},
		{"comment", "<!-- made -->\n\ntext\n", "text\n"},
		{"fenced code keeps its marks", "```yaml\na: `b` | [c](d)\n\n```\n", "    a: `b` | [c](d)\n\n"},
		{"indented code keeps its marks", "    x `y`\n", "    x `y`\n"},
		{"table", "| a | b |\n|---|---|\n| `long` | x \\| y |\n\nend\n", "  a     b\n  long  x | y\n\nend\n"},
		{"table without heads", "| | |\n|---|---|\n| a | b |\n", "  a  b\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := PlainText(c.page); got != c.want {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}
