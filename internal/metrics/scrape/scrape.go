package scrape

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	promconfig "github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/discovery"
	_ "github.com/prometheus/prometheus/discovery/dns"  // dns_sd_configs
	_ "github.com/prometheus/prometheus/discovery/file" // file_sd_configs
	_ "github.com/prometheus/prometheus/discovery/http" // http_sd_configs
	promscrape "github.com/prometheus/prometheus/scrape"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/logging"

	"lapwing.dev/lapwing/internal/metrics"
	"lapwing.dev/lapwing/internal/metrics/promfile"
)

// maxBody bounds what one target may answer, unpacked, where its scrape_config
// sets no body_size_limit. Prometheus itself would read without end.
const maxBody = 64 << 20

// Deps are what a Scraper needs.
type Deps struct {
	Log        *slog.Logger
	Appendable storage.AppendableV2 // takes what is read; nil: only Prepare may be called
}

// Scraper reads the targets of scrape_configs.
type Scraper struct {
	log      *slog.Logger
	registry *prometheus.Registry // Prometheus' own counters of the parts below
	manager  *promscrape.Manager
	sd       *discovery.SDMetrics

	mu      sync.Mutex
	next    *promconfig.Config // what was committed and is not applied yet
	changed chan struct{}
}

// New returns a Scraper; nothing is read before Run.
func New(d Deps) (*Scraper, error) {
	s := &Scraper{
		log: d.Log.With("part", "scrape"), registry: prometheus.NewRegistry(), changed: make(chan struct{}, 1),
	}
	if d.Appendable == nil {
		return s, nil
	}
	var err error
	options := &promscrape.Options{AppendMetadata: true, DiscoveryReloadOnStartup: true}
	s.manager, err = promscrape.NewManager(options, s.log, logging.NewJSONFileLogger, nil, d.Appendable, s.registry)
	if err != nil {
		return nil, fmt.Errorf("make the scrape manager: %w", err)
	}
	s.sd, err = discovery.CreateAndRegisterSDMetrics(s.registry)
	if err != nil {
		return nil, fmt.Errorf("make the service discovery: %w", err)
	}
	return s, nil
}

// Collectors returns Prometheus' own counters of scraping and discovery.
func (s *Scraper) Collectors() []prometheus.Collector { return []prometheus.Collector{s.registry} }

// Prepare reads the section; commit makes Run change to it. Targets that stay
// the same go on undisturbed.
func (s *Scraper) Prepare(cfg metrics.Config) (commit func(), err error) {
	loaded, problems := promfile.Load("scrape_configs", cfg.ScrapeConfigs, cfg.Dir)
	if err := problems.Err(); err != nil {
		return nil, err
	}
	for _, sc := range loaded.ScrapeConfigs {
		if sc.BodySizeLimit == 0 {
			sc.BodySizeLimit = maxBody
		}
	}
	return func() {
		s.mu.Lock()
		s.next = loaded
		s.mu.Unlock()
		select {
		case s.changed <- struct{}{}:
		default:
		}
	}, nil
}

// Run reads targets until ctx ends, and returns when the last read has ended.
func (s *Scraper) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	finder := discovery.NewManager(ctx, s.log, s.registry, s.sd, discovery.Name("scrape"))
	if finder == nil {
		return errors.New("service discovery cannot be started")
	}
	var group sync.WaitGroup
	group.Go(func() { _ = finder.Run() })                   //nolint:errcheck // only says that ctx has ended
	group.Go(func() { _ = s.manager.Run(finder.SyncCh()) }) //nolint:errcheck // never fails
	group.Go(func() { <-ctx.Done(); s.manager.Stop() })     // ends the line above
	for running := true; running; {
		select {
		case <-ctx.Done():
			running = false
		case <-s.changed:
			s.mu.Lock()
			next := s.next
			s.mu.Unlock()
			if err := s.apply(finder, next); err != nil {
				s.log.Error("scrape_configs cannot be applied", "error", err)
			}
		}
	}
	group.Wait()
	return nil
}

func (s *Scraper) apply(finder *discovery.Manager, cfg *promconfig.Config) error {
	if err := s.manager.ApplyConfig(cfg); err != nil {
		return err
	}
	services := map[string]discovery.Configs{}
	for _, sc := range cfg.ScrapeConfigs {
		services[sc.JobName] = sc.ServiceDiscoveryConfigs
	}
	return finder.ApplyConfig(services)
}

// Manager knows the targets: what /api/v1/targets and the metadata of remote
// write ask for. It is there before Run; nil without an Appendable.
func (s *Scraper) Manager() *promscrape.Manager { return s.manager }

// Get is Manager for Prometheus' queue of remote write, which asks for it so.
func (s *Scraper) Get() (*promscrape.Manager, error) { return s.manager, nil }
