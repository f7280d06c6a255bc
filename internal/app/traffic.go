package app

import (
	"context"
	"crypto/sha256"

	"lapwing.dev/lapwing/internal/config"
	"lapwing.dev/lapwing/internal/gateway"
	"lapwing.dev/lapwing/internal/limits"
	"lapwing.dev/lapwing/internal/traffic"
)

// prepareTraffic makes ready what stands where traffic passes, in the order in
// which one builds on the other. add takes each part's commit and its mistakes,
// with the section that their paths are relative to.
func (p *parts) prepareTraffic(ctx context.Context, l *config.Loaded, add func(section string, commit func(), err error) error) error {
	f := &l.File
	set, commit, err := p.limits.Prepare(limitsOf(f), l.Dir)
	limitsAreWrong := err != nil
	if err := add("", commit, err); err != nil {
		return err
	}
	commit, err = p.traffic.Prepare(traffic.Config{Traffic: f.Traffic, AccessLog: f.AccessLog, SeriesPerAPI: f.Metrics.SeriesPerAPI, Dir: l.Dir})
	if err := add("", commit, err); err != nil {
		return err
	}
	commit, err = p.blocks.Prepare(f.Blocks, protected(f))
	if err := add("blocks", commit, err); err != nil {
		return err
	}
	around := gateway.Around{APIs: baseURLs(f.APIs), Dir: l.Dir}
	if !limitsAreWrong { // else their names would be found wrong, too
		around.LimitNames, around.Rules = set.Names(), set.Rules
	}
	commit, err = p.gateway.Prepare(ctx, f.Gateway, around)
	return add("gateway", commit, err)
}

// limitsOf are the sections that say what is limited.
func limitsOf(f *config.File) limits.Config {
	return limits.Config{Limits: f.Limits, Tiers: f.Tiers, Limiter: f.Limiter, Redis: f.Redis}
}

// waiting is how many requests wait in queues of limits.
func (p *parts) waiting() int64 {
	if l := p.limits.Limiter(); l != nil {
		return l.Queued()
	}
	return 0
}

// clientSecret keys the hashes that stand for clients in what is stored.
func clientSecret(seed []byte) (secret [16]byte) {
	sum := sha256.Sum256(append([]byte("lapwing clients "), seed...))
	copy(secret[:], sum[:])
	return secret
}
