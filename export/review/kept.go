package review

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/labeljoin/labeljoin/export/health"
	"github.com/labeljoin/labeljoin/export/page"
	"github.com/labeljoin/labeljoin/export/schema"
	"github.com/labeljoin/labeljoin/export/stats"
	"github.com/labeljoin/labeljoin/export/tfmd"
)

// Kept is what lies beside exported days: what was found out when they were exported.
type Kept struct {
	// Beside reads an object that lies beside a day. fs.ErrNotExist says that there is none.
	Beside func(day, name string) ([]byte, error)
}

// Statistics are those of an exported day; nil: there are none.
func (k Kept) Statistics(day string) (*tfmd.DatasetFeatureStatisticsList, error) {
	data, err := k.Beside(day, StatsName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	list, err := stats.Decode(data)
	if err != nil {
		return nil, fmt.Errorf("%s of %s: %w", StatsName, day, err)
	}
	if len(list.Datasets) == 0 {
		return nil, nil
	}
	return list, nil
}

// Counts are the counts of the labels of an exported day, and the columns by which they are counted
// too.
func (k Kept) Counts(day string) (*health.Table, []string, error) {
	data, err := k.Beside(day, HealthName)
	if err != nil {
		return nil, nil, err
	}
	return health.Decode(data)
}

// Content is what a page about an exported day shows; nil: the day has no statistics beside it. No
// row is read. windows are those in use; 0: not known.
func (k Kept) Content(day string, windows func(label string) time.Duration) (*page.Content, error) {
	now, err := k.Statistics(day)
	if err != nil || now == nil {
		return nil, err
	}
	yesterday, err := Before(day, Yesterday)
	if err != nil {
		return nil, err
	}
	before, err := k.Statistics(yesterday)
	if err != nil {
		return nil, err
	}
	c := &page.Content{Title: day, Now: now.Datasets[0]}
	if before != nil {
		c.Against, c.Before = yesterday, before.Datasets[0]
		c.Drifts = schema.Drifts(c.Before, c.Now)
	}
	data, err := k.Beside(day, AnomaliesName)
	if err == nil {
		c.Anomalies, err = schema.DecodeAnomalies(data)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s of %s: %w", AnomaliesName, day, err)
	}
	return c, k.labels(c, day, yesterday, windows)
}

// labels adds the health of the labels, as it was counted.
func (k Kept) labels(c *page.Content, day, yesterday string, windows func(string) time.Duration) error {
	table, by, err := k.Counts(day)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s of %s: %w", HealthName, day, err)
	}
	start, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return &DayError{day}
	}
	whole := health.NewTable(table.Labels)
	whole.Join(table)
	for d := 1; d <= HistoryDays; d++ {
		name := start.AddDate(0, 0, -d).Format(time.DateOnly)
		earlier, others, err := k.Counts(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("%s of %s: %w", HealthName, name, err)
		}
		if !slices.Equal(earlier.Labels, table.Labels) || !slices.Equal(others, by) {
			continue // they were counted in another way
		}
		whole.Join(earlier)
		if name == yesterday {
			c.Yesterday = health.NewReport(name, earlier, nil, LeastRows)
		}
	}
	c.Health = health.NewReport(day, table, alarmsOf(whole, start, health.MaxHour, HistoryDays), LeastRows)
	for i, label := range table.Labels {
		c.Windows = append(c.Windows, table.Windows(i, windows(label), nil))
	}
	return nil
}
