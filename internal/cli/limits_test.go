package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lapwing.dev/lapwing/internal/config"
	"lapwing.dev/lapwing/internal/gateway"
	"lapwing.dev/lapwing/internal/traffic"
)

func TestTheRouteOfARequest(t *testing.T) {
	f := &config.File{Gateway: gateway.Config{Routes: []gateway.Route{
		{API: "all"},
		{API: "v1", Path: "/v1"},
		{API: "reports", Path: "/v1/reports/", Methods: []string{"GET"}},
		{API: "shop", Host: "*.shop.example", Path: "/v1"},
	}}}
	for request, want := range map[string]string{
		"GET - /":                         "all",
		"GET - /v10":                      "all",
		"GET - /v1":                       "v1",
		"GET - /v1/orders":                "v1",
		"GET - /v1/reports/7":             "reports",
		"POST - /v1/reports/7":            "v1",
		"GET www.shop.example /v1/orders": "shop",
		"GET other.example /v1/orders":    "v1",
	} {
		part := strings.Fields(request)
		r := routeOf(f, part[0], strings.TrimPrefix(part[1], "-"), part[2])
		if r == nil || r.API != want {
			t.Errorf("%s: %+v, want the route of %s", request, r, want)
		}
	}
	if r := routeOf(&config.File{}, "GET", "", "/"); r != nil {
		t.Errorf("without routes: %+v", r)
	}
}

func TestRotatedLogsComeFirst(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{
		"access.log", "access-20261122T000000.000000Z.log.gz", "access-20261123T000000.000000Z.log", "access-notes.log", "other.log",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	loaded := &config.Loaded{Dir: dir, File: config.File{AccessLog: traffic.AccessLog{Path: "access.log"}}}
	files, err := logFiles(loaded)
	if err != nil {
		t.Fatal(err)
	}
	for i := range files {
		files[i] = filepath.Base(files[i])
	}
	want := []string{"access-20261122T000000.000000Z.log.gz", "access-20261123T000000.000000Z.log", "access.log"}
	if diff := cmp.Diff(want, files); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTheServersLimits(t *testing.T) {
	rows, err := decodeLimits(strings.NewReader(`{"limits":[{"name":"a","key":"client.address","rule":"5/second","excess":"rejected","mode":"reject","allowed":7,"delayed":0,"rejected":3,"shadowed":1,"waiting":2,"more":{}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	want := []limitRow{{Name: "a", Key: "client.address", Rule: "5/second", Excess: "rejected", Counts: &limitCounts{Allowed: 7, Rejected: 3, Shadowed: 1, Waiting: 2}}}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := decodeLimits(strings.NewReader("<html>")); err == nil {
		t.Error("a page is a list of limits")
	}
}
