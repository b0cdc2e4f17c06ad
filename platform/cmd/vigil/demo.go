package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/techmedaddy/vigil/platform/internal/demo"
	"github.com/techmedaddy/vigil/platform/internal/telemetry"
	"github.com/techmedaddy/vigil/sdk/client"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

func (c *cli) demo() *cobra.Command {
	cmd := &cobra.Command{Use: "demo", Short: "Make a demo service misbehave", Args: onlyCommands, RunE: help}
	cmd.AddCommand(
		c.misbehave("burn", "Make a demo service spin a processor core", "spins a processor core"),
		c.misbehave("crash", "Make a demo service end with an error", "has crashed"),
		c.demoServe(),
	)
	return cmd
}

func (c *cli) misbehave(verb, says, now string) *cobra.Command {
	return &cobra.Command{
		Use:     verb + " SERVICE",
		Short:   says,
		Example: "  vigil demo " + verb + " backend",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := c.client()
			if err != nil {
				return err
			}
			s, err := awaitDemo(cmd.Context(), api, args[0])
			if err != nil {
				return err
			}
			if err := post(cmd.Context(), s.URL+"/"+verb); err != nil {
				return err
			}
			err = c.print(s, func(w io.Writer) { row(w, fmt.Sprintf("%s (pid %d) %s", s.Service, s.PID, now)) })
			fmt.Fprintln(c.err, "watch it heal: vigil remediation show --watch")
			return err
		},
	}
}

// awaitDemo finds a demo service that may still be coming up: Vigil is up as soon
// as it serves, and its remediator says a moment later what it reaches.
func awaitDemo(ctx context.Context, api *client.Client, name string) (s vigil.ServiceStatus, err error) {
	for range 30 {
		if s, err = demoService(ctx, api, name); vigil.CodeOf(err) != "demo_missing" {
			break
		}
		select {
		case <-ctx.Done():
			return s, ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
	return s, err
}

// demoService finds a running demo service by name.
func demoService(ctx context.Context, api *client.Client, name string) (vigil.ServiceStatus, error) {
	hands, err := api.Remediators(ctx)
	if err != nil {
		return vigil.ServiceStatus{}, err
	}
	var have []string
	for _, h := range hands {
		for _, s := range h.Services {
			if s.URL == "" {
				continue
			}
			if s.Service == name {
				return s, nil
			}
			have = append(have, s.Service)
		}
	}
	if len(have) == 0 {
		return vigil.ServiceStatus{}, vigil.Errorf(vigil.NotFound, "demo_missing", "no demo service runs there").
			Hinted("start Vigil with its demo: vigil up")
	}
	slices.Sort(have)
	return vigil.ServiceStatus{}, vigil.Errorf(vigil.NotFound, "demo_unknown", "no demo service %q; have: %s", name, strings.Join(have, ", "))
}

func post(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, nil)
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	resp, err := (&http.Client{}).Do(req)
	if err != nil {
		return fmt.Errorf("reach demo service: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 {
		return fmt.Errorf("demo service answered %s", resp.Status)
	}
	return nil
}

// demoServe is what a demo service's process runs.
func (c *cli) demoServe() *cobra.Command {
	var urlFile, pidFile string
	var parent int
	cmd := &cobra.Command{
		Use:    "serve NAME",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if pidFile != "" {
				if err := os.WriteFile(pidFile, strconv.AppendInt(nil, int64(os.Getpid()), 10), 0o600); err != nil {
					return fmt.Errorf("write pid: %w", err)
				}
			}
			return demo.Serve(cmd.Context(), demo.Options{
				Name: args[0], URLFile: urlFile, Parent: parent,
				Log: telemetry.NewLogger(os.Stderr, slog.LevelInfo, false),
			})
		},
	}
	cmd.Flags().StringVar(&urlFile, "url-file", "", "write the URL to this file")
	cmd.Flags().StringVar(&pidFile, "pid-file", "", "write the pid to this file")
	cmd.Flags().IntVar(&parent, "parent", 0, "end when this process is no longer the parent")
	return cmd
}
