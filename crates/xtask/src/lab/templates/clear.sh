# Takes the room down: every process in its namespaces, the namespaces themselves, and the disk of the scenario `full`.
for room in $(ip netns list | cut -d' ' -f1 | grep '^ew-lab-'); do
    ip netns pids "$room" | xargs -r kill -9
    ip netns delete "$room"
done
if mountpoint -q "$1/disk"; then umount -l "$1/disk"; fi
