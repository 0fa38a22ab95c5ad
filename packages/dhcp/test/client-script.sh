#!/bin/sh
# Configures an interface for dhclient and udhcpc in a test, and prints what they learned.
case "${reason:-$1}" in
  BOUND | RENEW | REBIND | REBOOT)
    ip addr flush dev "$interface"
    ip addr add "$new_ip_address/$new_subnet_mask" dev "$interface"
    ;;
  bound | renew)
    ip addr flush dev "$interface"
    ip addr add "$ip/$mask" dev "$interface"
    ;;
  deconfig | EXPIRE | FAIL | RELEASE | STOP)
    ip addr flush dev "$interface"
    ;;
esac
echo "script: ${reason:-$1} ${new_ip_address:-$ip}"
