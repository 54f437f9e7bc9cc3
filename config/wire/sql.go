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
		l := &c.Labels[i]
		texts := sql.LabelTexts{Until: l.Until}
		_, texts.Number = l.Value.Parts()
		for _, column := range l.Columns {
			texts.Columns = append(texts.Columns, column.Value)
		}
		d.When, d.Texts = append(d.When, l.When), append(d.Texts, texts)
	}
	return d
}

// Raw is how a query reads lines of JSON: as the configuration has replay read them.
func Raw(c *config.Config, rules joiner.Rules) (*sql.Raw, error) {
	options, err := Options(c, rules)
	if err != nil {
		return nil, err
	}
	raw := &sql.Raw{
		MaxBytes: int(c.Limits.EventBytes), MaxDepth: int(c.Limits.Depth),
		Open: c.Features.Mode == config.FeaturesEvolve, Renamed: len(c.Output.Rename) > 0,
	}
	for k := range raw.Units {
		raw.Units[k] = options.Decoders[k].Unit
	}
	for name, kind := range c.Features.Declare {
		raw.Features = append(raw.Features, sql.RawFeature{Column: name, Type: string(kind)})
	}
	return raw, nil
}
