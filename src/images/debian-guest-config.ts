/**
 * The shell script that turns a fresh Debian tree into a guest's root filesystem. mmdebstrap runs it with the tree as
 * `$1`, as root of its own user namespace where the caller is not root. It is a constant: nothing of a caller's is
 * ever written into it.
 */
export function debianGuestConfig(options: { readonly passwordLogin: boolean }): string {
  return `set -eu
root=$1

# What belongs to the build host
printf 'smolvm\\n' > "$root/etc/hostname"
printf '127.0.0.1 localhost\\n127.0.1.1 smolvm\\n::1 localhost ip6-localhost ip6-loopback\\n' > "$root/etc/hosts"
rm -f "$root/etc/resolv.conf"
: > "$root/etc/resolv.conf"
rm -f "$root/etc/apt/apt.conf.d/99mmdebstrap"

# What every VM must have of its own
rm -f "$root"/etc/ssh/ssh_host_* "$root/var/lib/dbus/machine-id"
: > "$root/etc/machine-id"

# SSH: only the kind of host key that is made per VM, and no look-up of the client's name
cat > "$root/etc/ssh/sshd_config.d/10-smolvm.conf" <<'END'
HostKey /etc/ssh/ssh_host_ed25519_key
PermitRootLogin ${options.passwordLogin ? "yes" : "prohibit-password"}
PasswordAuthentication ${options.passwordLogin ? "yes" : "no"}
KbdInteractiveAuthentication no
UseDNS no
END
chmod 0644 "$root/etc/ssh/sshd_config.d/10-smolvm.conf"
mkdir -p -m 0700 "$root/root/.ssh"
printf 'LANG=C.UTF-8\\n' > "$root/etc/default/locale"

# What only the installation needed
rm -rf "$root"/var/log/apt "$root"/var/log/*.log "$root"/var/cache/debconf/*-old "$root"/var/lib/dpkg/*-old
rm -rf "$root"/var/cache/ldconfig/* "$root"/var/cache/apt/*.bin "$root"/run/*
`;
}
