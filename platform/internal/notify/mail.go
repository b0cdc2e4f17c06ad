package notify

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/smtp"
	"net/textproto"
	"strings"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/capability/egress"
	"github.com/techmedaddy/vigil/platform/internal/capability/secret"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// mailer speaks SMTP to one server.
type mailer struct {
	c     Config
	gate  egress.Gate
	roots *x509.CertPool
	now   func() time.Time
}

func (m mailer) send(ctx context.Context, ns []vigil.Notification) (answer string, secrets []string, err error) {
	password := ""
	if m.c.PasswordFile != "" {
		if password, err = secret.Read(m.c.PasswordFile); err != nil {
			return "", nil, err
		}
		secrets = []string{password}
	}
	conn, err := m.gate.Dial(ctx, "tcp", m.c.Server)
	if err != nil {
		return "", secrets, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) }) // wakes whoever reads
	defer stop()
	return "accepted by " + m.c.Server, secrets, m.talk(conn, password, ns)
}

// talk holds one conversation. A password only goes over TLS.
func (m mailer) talk(conn net.Conn, password string, ns []vigil.Notification) error {
	host, _, _ := net.SplitHostPort(m.c.Server)
	secure := &tls.Config{ServerName: host, RootCAs: m.roots, MinVersion: tls.VersionTLS12}
	if m.c.TLS == "tls" {
		conn = tls.Client(conn, secure)
	}
	c, err := smtp.NewClient(conn, host)
	if err != nil {
		return fmt.Errorf("greet: %w", err)
	}
	if m.c.TLS == "" || m.c.TLS == "starttls" {
		if err := c.StartTLS(secure); err != nil {
			return fmt.Errorf("start TLS: %w", err)
		}
	}
	if password != "" {
		if err := c.Auth(smtp.PlainAuth("", m.c.User, password, host)); err != nil {
			return fmt.Errorf("authenticate: %w", err)
		}
	}
	if err := m.hand(c, ns); err != nil {
		return refusal(err)
	}
	_ = c.Quit() // it is accepted already
	return nil
}

func (m mailer) hand(c *smtp.Client, ns []vigil.Notification) error {
	if err := c.Mail(m.c.From); err != nil {
		return err
	}
	for _, to := range m.c.To {
		if err := c.Rcpt(to); err != nil {
			return err
		}
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write(m.letter(ns)); err != nil {
		return err
	}
	return w.Close()
}

// refusal tells an answer for good (RFC 5321, 4.2.1) from one for now.
func refusal(err error) error {
	if said, ok := errors.AsType[*textproto.Error](err); ok {
		return &failure{says: said.Error(), final: said.Code >= 550 && said.Code <= 559}
	}
	return err
}

// letter is the whole mail. What others named stands in encoded words and in an
// encoded body only. Answers of one trouble hang together.
func (m mailer) letter(ns []vigil.Notification) []byte {
	var b bytes.Buffer
	_, domain, _ := strings.Cut(m.c.From, "@")
	head := func(name, value string) { b.WriteString(name + ": " + value + "\r\n") }
	head("From", m.c.From)
	head("To", strings.Join(m.c.To, ", "))
	head("Subject", mime.QEncoding.Encode("utf-8", "[Vigil] "+heading(ns)))
	head("Date", m.now().Format(time.RFC1123Z))
	head("Message-ID", "<"+ns[0].ID+"@"+domain+">")
	if len(ns) == 1 {
		head("References", "<"+dedupID(ns[0].Key)+"@"+domain+">")
	}
	head("Auto-Submitted", "auto-generated")
	head("MIME-Version", "1.0")
	head("Content-Type", "text/plain; charset=utf-8")
	head("Content-Transfer-Encoding", "quoted-printable")
	b.WriteString("\r\n")
	qp := quotedprintable.NewWriter(&b)
	_, _ = qp.Write([]byte(body(ns) + "\n")) // into memory
	_ = qp.Close()
	return b.Bytes()
}
