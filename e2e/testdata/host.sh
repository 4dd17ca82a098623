#!/usr/bin/env bash
# The first process of a host: makes a file system of its own in memory, waits
# for its network, and keeps the SSH server and the Docker engine running as an
# init system would. It ends, and all of the host with it, when its input does.
#
# Arguments: an empty folder, the host's name, instance ID and address with
# prefix length, the gateway, the public key that may log in, and the parent of
# the containers' cgroups.
set -euo pipefail
root=$1 name=$2 id=$3 address=$4 gateway=$5 key=$6 cgroups=$7

mount --make-rprivate /
mount -t tmpfs -o mode=755,size=1g tmpfs "$root"
cd "$root"
mkdir -p dev etc/ssh old opt proc root run/sshd sys tmp usr var/empty var/lib/cloud/data var/lib/docker var/log
for dir in /bin /sbin /lib*; do
	if [ -L "$dir" ]; then
		cp -P "$dir" .
	else
		mkdir -p ".$dir" && mount --rbind -o ro "$dir" ".$dir"
	fi
done
mount --rbind -o ro /usr usr
mount --rbind /dev dev
mount --rbind /sys sys
mount -t proc proc proc
for file in alternatives group gshadow ld.so.cache ld.so.conf ld.so.conf.d nsswitch.conf passwd protocols services; do
	if [ -e "/etc/$file" ]; then cp -a "/etc/$file" etc/; fi
done
echo 'root:*:19000:0:99999:7:::' >etc/shadow
echo "127.0.0.1 localhost $name" >etc/hosts
echo "nameserver $gateway" >etc/resolv.conf
ln -s /run var/run
chmod 1777 tmp
pivot_root . old
cd /
umount -l /old && rmdir /old
# A disk of its own for images, which a test can fill.
mount -t tmpfs -o size=3g tmpfs /var/lib/docker

hostname "$name"
echo "$id" >/var/lib/cloud/data/instance-id
install -d -m 755 /etc/growl-backend
(umask 077 && echo "ENVIRONMENT=dev" >/etc/growl-backend/env)
install -d -o 65534 -g 65534 /tmp/deployment-test
install -d -m 700 /root/.ssh
echo "$key" >/root/.ssh/authorized_keys
ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key
cat >/etc/ssh/sshd_config <<-END
	HostKey /etc/ssh/ssh_host_ed25519_key
	PasswordAuthentication no
	KbdInteractiveAuthentication no
	PermitRootLogin prohibit-password
	Subsystem sftp internal-sftp
END

# As large a table of connections for each container as the lab gives each host.
sizes=/proc/sys/net/ipv4/tcp_child_ehash_entries
if [ -e $sizes ]; then echo 32768 >$sizes; fi

echo up
read -r _
ip link set lo up
ip address add "$address" dev eth0
ip link set eth0 up
ip route add default via "$gateway"

# keep starts a program again when it ends, unless /run/hold-NAME is there. What
# bash says of one that was killed belongs to the host.
keep() {
	local program=$1 log=/var/log/$1.log path
	path=$(command -v "$1")
	shift
	while :; do
		until [ ! -e "/run/hold-$program" ]; do sleep 0.1; done
		"$path" "$@" >>"$log" 2>&1 || true
		sleep 0.5
	done
}
exec 2>/var/log/host.log
keep sshd -D -e &
keep dockerd --storage-driver=overlay2 --exec-opt=native.cgroupdriver=cgroupfs --cgroup-parent="$cgroups" --insecure-registry=10.77.0.0/16 &
cat >/dev/null
