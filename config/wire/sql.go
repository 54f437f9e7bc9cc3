package wire

import (
	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/sql"
)

// Definition is what a configuration says to a query. Rules are those of the
// configuration; tables and what is made of the rows are the caller's.
func Definition(c *config.Config, rules joiner.Rules) sql.Definition {
	d := sql.Definition{Name: c.Name, Rules: rules, Impression: c.Join.Impression, Limit: int(c.Limits.OutcomesPerRequest)}
	for i := range c.Labels {
		d.When = append(d.When, c.Labels[i].When)
	}
	return d
}
