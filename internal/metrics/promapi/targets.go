package promapi

import (
	"fmt"

	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/scrape"
)

// Targets are what is scraped; *scrape.Manager is one.
type Targets interface {
	TargetsActive() map[string][]*scrape.Target
	TargetsDropped() map[string][]*scrape.Target
	TargetsDroppedCounts() map[string]int
	ScrapePools() []string
	ScrapePoolConfig(name string) (*config.ScrapeConfig, error)
}

// noTargets is a server that scrapes nothing.
type noTargets struct{}

func (noTargets) TargetsActive() map[string][]*scrape.Target  { return nil }
func (noTargets) TargetsDropped() map[string][]*scrape.Target { return nil }
func (noTargets) TargetsDroppedCounts() map[string]int        { return map[string]int{} }
func (noTargets) ScrapePools() []string                       { return []string{} }

func (noTargets) ScrapePoolConfig(name string) (*config.ScrapeConfig, error) {
	return nil, fmt.Errorf("there is no scrape pool %q", name)
}
