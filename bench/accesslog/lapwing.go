package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"time"

	"lapwing.dev/lapwing/internal/catalog"
	"lapwing.dev/lapwing/internal/ingest"
	"lapwing.dev/lapwing/internal/slo"
	"lapwing.dev/lapwing/internal/traffic"
	"lapwing.dev/lapwing/middleware/observe"
)

const document = `openapi: 3.1.0
info: {title: Shop, version: "1"}
paths:
  /orders: {get: {responses: {"200": {description: ok}}}, post: {responses: {"201": {description: ok}}}}
  /orders/{id}: {get: {responses: {"200": {description: ok}}}}
  /orders/{id}/items/{item}: {put: {responses: {"200": {description: ok}}}}
  /customers/{id}/addresses: {get: {responses: {"200": {description: ok}}}}
  /products/{id}: {get: {responses: {"200": {description: ok}}}}
  /search: {get: {responses: {"200": {description: ok}}}}
  /health: {get: {responses: {"200": {description: ok}}}}
`

// lapwing reads the log as the server does, with everything that takes part, but
// without pages and stores.
func lapwing(ctx context.Context, dir, log string, lines int) (row, error) {
	quiet := slog.New(slog.DiscardHandler)
	spec := filepath.Join(dir, "openapi.yaml")
	if err := os.WriteFile(spec, []byte(document), 0o600); err != nil {
		return row{}, err
	}
	apis := []catalog.API{{Name: "shop", URL: "http://127.0.0.1:8000/api", OpenAPI: "file://" + spec}}
	operations := catalog.New(catalog.Deps{Log: quiet})
	commit, err := operations.Prepare(apis, dir)
	if err != nil {
		return row{}, err
	}
	commit()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	loaded := make(chan error, 1)
	go func() { loaded <- operations.Run(ctx) }()
	for since := time.Now(); len(operations.Operations("shop")) == 0; {
		if time.Since(since) > 10*time.Second {
			status, _ := operations.Status("shop")
			return row{}, fmt.Errorf("the document is not loaded: %+v", status)
		}
		select {
		case err := <-loaded:
			return row{}, fmt.Errorf("the catalog ended: %w", err)
		case <-time.After(time.Millisecond):
		}
	}
	objectives := slo.New(slo.Deps{Log: quiet})
	judge, err := objectives.Prepare(slo.Config{APIs: apis})
	if err != nil {
		return row{}, err
	}
	judge()
	var taken atomic.Int64
	sinks := observe.Fanout{
		traffic.New(traffic.Deps{Log: quiet}), objectives, operations,
		observe.SinkFunc(func(*observe.Exchange) { taken.Add(1) }),
	}
	logs := ingest.NewLogs(ingest.LogsDeps{Log: quiet, Sink: sinks, Operations: operations})
	follow, err := logs.Prepare(ingest.Config{AccessLogs: []ingest.AccessLog{{API: "shop", Path: log, Format: "nginx-combined", Backfill: true}}}, dir, apis)
	if err != nil {
		return row{}, err
	}
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	begin, cpu := time.Now(), used()
	follow()
	ended := make(chan error, 1)
	go func() { ended <- logs.Run(ctx) }()
	for int(taken.Load()) < lines {
		if time.Since(begin) > 2*time.Minute {
			return row{}, fmt.Errorf("%d lines of %d were taken", taken.Load(), lines)
		}
		time.Sleep(time.Millisecond)
	}
	r := row{"lapwing", lines, used() - cpu, time.Since(begin)}
	runtime.ReadMemStats(&after)
	fmt.Printf("allocations per line %.3f, bytes %.0f; memory in use %d MB\n", float64(after.Mallocs-before.Mallocs)/float64(lines),
		float64(after.TotalAlloc-before.TotalAlloc)/float64(lines), after.HeapInuse>>20)
	cancel()
	<-loaded
	return r, <-ended
}
