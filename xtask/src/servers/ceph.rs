//! Ceph's RADOS gateway over the smallest cluster there is: one monitor, and one storage daemon that keeps all in memory.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::daemon::{Daemon, answers, free_ports};
use super::{ADMIN, WRITER, secret};
use crate::process::quietly;

/// Starts it in a folder; the S3 port and the processes.
pub(super) fn start(folder: &Path) -> Result<(u16, Vec<Daemon>)> {
    let [monitor_port, port] = free_ports()?;
    let cluster = Cluster { folder, monitor_port };
    let id = std::fs::read_to_string("/proc/sys/kernel/random/uuid").context("the kernel makes UUIDs")?;
    std::fs::write(folder.join("ceph.conf"), cluster.configuration(id.trim(), port))?;
    for name in ["mon", "osd", "rgw"] {
        std::fs::create_dir(folder.join(name))?;
    }
    cluster.make_keys()?;
    let monitors = cluster.path("monmap");
    let address = cluster.monitor();
    cluster.run("monmaptool", &["--create", "--fsid", id.trim(), "--addv", "a", &address, &monitors])?;
    cluster.run("ceph-mon", &["--mkfs", "-i", "a", "--monmap", &monitors, "--keyring", &cluster.path("keyring")])?;
    let monitor = cluster.daemon("ceph-mon", &["-i", "a"])?;
    // The monitor gives the number 0 to the first storage daemon that it hears of, and waits for nothing else.
    cluster.run("ceph", &["--connect-timeout", "60", "osd", "create", id.trim()])?;
    cluster.run("ceph-osd", &["-i", "0", "--mkfs", "--osd-uuid", id.trim()])?;
    let storage = cluster.daemon("ceph-osd", &["-i", "0"])?;
    let mut gateway = cluster.daemon("radosgw", &["-n", "client.admin"])?;
    gateway.until("the gateway answers", || answers(port, &["200"]))?;
    cluster.make_users()?;
    Ok((port, vec![gateway, storage, monitor]))
}

struct Cluster<'a> {
    folder: &'a Path,
    monitor_port: u16,
}

impl Cluster<'_> {
    /// Everything that makes a cluster slow and safe is left out.
    fn configuration(&self, id: &str, port: u16) -> String {
        let folder = self.folder.display();
        let monitor = self.monitor();
        format!(
            "[global]\n\
             fsid = {id}\n\
             mon host = {monitor}\n\
             mon initial members = a\n\
             public addr = 127.0.0.1\n\
             public network = 127.0.0.0/8\n\
             cluster network = 127.0.0.0/8\n\
             keyring = {folder}/keyring\n\
             run dir = {folder}\n\
             crash dir = {folder}\n\
             admin socket =\n\
             pid file =\n\
             log file = {folder}/$name.log\n\
             mon data = {folder}/mon\n\
             mon data avail warn = 1\n\
             mon data avail crit = 1\n\
             mon allow pool size one = true\n\
             mon max pg per osd = 1000\n\
             paxos propose interval = 0.02\n\
             osd data = {folder}/osd\n\
             osd objectstore = memstore\n\
             memstore device bytes = 4294967296\n\
             osd crush chooseleaf type = 0\n\
             osd pool default size = 1\n\
             osd pool default min size = 1\n\
             osd pool default pg num = 1\n\
             osd pool default pg autoscale mode = off\n\
             rgw data = {folder}/rgw\n\
             rgw frontends = beast endpoint=127.0.0.1:{port} tcp_nodelay=1\n\
             rgw dns name = s3.localhost\n\
             rgw lc debug interval = 10\n"
        )
    }

    fn monitor(&self) -> String {
        format!("[v2:127.0.0.1:{}]", self.monitor_port)
    }

    fn make_keys(&self) -> Result<()> {
        let keyring = self.path("keyring");
        let all = |service| ["--cap", service, "allow *"];
        let make = |name: &str, first: &[&str]| {
            let mut arguments = first.to_vec();
            arguments.extend([&*keyring, "--gen-key", "-n", name]);
            arguments.extend([all("mon"), all("osd")].as_flattened());
            self.run("ceph-authtool", &arguments)
        };
        make("mon.", &["--create-keyring"])?;
        make("client.admin", &[])?;
        make("osd.0", &[])
    }

    /// The writer is a part of the administrator, so that it may write to the administrator's buckets.
    fn make_users(&self) -> Result<()> {
        let id = format!("--uid={ADMIN}");
        let keys = |user: &str| [format!("--access-key={user}"), format!("--secret-key={}", secret(user))];
        let [access, secret] = keys(ADMIN);
        // Further users and their policies are made over HTTP, by the administrator.
        let powers = "--caps=users=*;user-policy=*";
        self.run("radosgw-admin", &["user", "create", &id, "--display-name=admin", &access, &secret, powers])?;
        let [access, secret] = keys(WRITER);
        let writer = format!("--subuser={ADMIN}:{WRITER}");
        let rights = ["--access=write", "--key-type=s3"];
        let mut arguments = vec!["subuser", "create", &id, &writer, &access, &secret];
        arguments.extend(rights);
        self.run("radosgw-admin", &arguments)
    }

    fn daemon(&self, program: &str, arguments: &[&str]) -> Result<Daemon> {
        let configuration = self.path("ceph.conf");
        let mut all = vec!["-f", "-c", &configuration];
        all.extend(arguments);
        Daemon::start(Path::new(program), &all, self.folder)
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Result<()> {
        quietly(Command::new(program).env("CEPH_CONF", self.path("ceph.conf")).args(arguments)).map(drop)
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }
}
