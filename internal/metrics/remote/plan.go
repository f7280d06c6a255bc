package remote

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"reflect"
	"strconv"

	promconfig "github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/model/labels"
	promremote "github.com/prometheus/prometheus/storage/remote"

	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/metrics"
	"lapwing.dev/lapwing/internal/metrics/promfile"
	"lapwing.dev/lapwing/internal/secret"
)

// plan is what a configuration says.
type plan struct {
	labels    labels.Labels // added to everything
	receivers []*receiver
	secrets   []string // that the section holds
}

// receiver is one entry of remote_write.
type receiver struct {
	*promconfig.RemoteWriteConfig
	key    string // of its mark: the same after a restart
	labels labels.Labels
	client promremote.WriteClient
}

// same reports whether an entry says what another one said.
func (r *receiver) same(other *receiver) bool {
	return reflect.DeepEqual(r.RemoteWriteConfig, other.RemoteWriteConfig) && labels.Equal(r.labels, other.labels)
}

// read makes a plan of the file. The error is fault.Problems.
func read(cfg metrics.Config) (*plan, error) {
	loaded, problems := promfile.Load("remote_write", cfg.RemoteWrite, cfg.Dir)
	if err := problems.Err(); err != nil {
		return nil, err
	}
	p := &plan{labels: labels.FromMap(cfg.Metrics.Labels)}
	names := map[string]bool{}
	for _, rw := range loaded.RemoteWriteConfigs {
		names[rw.Name] = true
	}
	taken := map[string]int{}
	for i, rw := range loaded.RemoteWriteConfigs {
		at := fault.JoinPath("remote_write", "["+strconv.Itoa(i)+"]")
		r := &receiver{RemoteWriteConfig: rw, labels: p.labels, key: rw.Name}
		if rw.Name == "" {
			// The URL itself may hold a token, and the key ends on disk.
			sum := sha256.Sum256([]byte(rw.URL.String()))
			id := hex.EncodeToString(sum[:8])
			taken[id]++
			r.key = id + "#" + strconv.Itoa(taken[id])
			rw.Name = free(rw.URL.Host, names)
		}
		var err error
		if r.client, err = newClient(rw); err != nil {
			problems.Add(at, "", "this receiver cannot be used: %s", secret.NewRedactor(secretsOf(rw.URL.URL)...).Text(err.Error()))
			continue
		}
		p.secrets = append(p.secrets, secretsOf(rw.URL.URL)...)
		for _, value := range rw.Headers {
			p.secrets = append(p.secrets, value)
		}
		p.receivers = append(p.receivers, r)
	}
	if err := problems.Err(); err != nil {
		return nil, err
	}
	return p, nil
}

// free returns a name that none has, and takes it.
func free(name string, names map[string]bool) string {
	candidate := name
	for n := 2; names[candidate]; n++ {
		candidate = fmt.Sprintf("%s-%d", name, n)
	}
	names[candidate] = true
	return candidate
}

func newClient(rw *promconfig.RemoteWriteConfig) (promremote.WriteClient, error) {
	return promremote.NewWriteClient(rw.Name, &promremote.ClientConfig{
		URL: rw.URL, WriteProtoMsg: rw.ProtobufMessage, Timeout: rw.RemoteTimeout, HTTPClientConfig: rw.HTTPClientConfig,
		SigV4Config: rw.SigV4Config, AzureADConfig: rw.AzureADConfig, GoogleIAMConfig: rw.GoogleIAMConfig, Headers: rw.Headers,
		RetryOnRateLimit: rw.QueueConfig.RetryOnRateLimit, RoundRobinDNS: rw.RoundRobinDNS,
	})
}

// secretsOf are the credentials in an URL: users' passwords, and the values of a
// query, which are tokens as often as not.
func secretsOf(u *url.URL) (list []string) {
	if password, has := u.User.Password(); has {
		list = append(list, password)
	}
	for _, values := range u.Query() {
		list = append(list, values...)
	}
	return list
}
