# Reads what `perf script -F ip,sym,dso` prints, a paragraph for each sample with the innermost function first, and tells where
# the time went. `per`: microseconds of processor time per heartbeat; `each`: percent of a core that a sample stands for, or 0;
# `top`: how many symbols to print.

BEGIN {
    RS = ""
    FS = "\n"
}

# The name of the function in a line, without its address, its object and the hash of a mangled name.
function symbol(line) {
    sub(/^[ \t]*[0-9a-f]+ /, "", line)
    sub(/ \([^()]*\)$/, "", line)
    sub(/::h[0-9a-f]+$/, "", line)
    sub(/@@.*/, "", line)
    sub(/\+0x[0-9a-f]+$/, "", line)
    return line
}

function is_kernel(line) {
    return line ~ /\(\[(kernel|guest\.kernel)[^()]*\)$/ || line ~ /\(\[[a-z0-9_]+\]\)$/ && line !~ /\(\[vdso\]\)$/
}

# The system call that a sample in the kernel belongs to, or "" if it is none.
function call_of(sample, i, name) {
    if (match(sample, /__(x64|arm64|riscv|se)_sys_[a-z0-9_]+/)) {
        name = substr(sample, RSTART, RLENGTH)
        sub(/^.*_sys_/, "", name)
        return name
    }
    if (sample !~ /do_syscall_64|entry_SYSCALL|el0_svc|do_el0_svc/)
        return ""
    # On the way in or out: the C library's function has the name of the call. Whoever calls without it is not told apart.
    for (i = 1; i <= NF; i++)
        if (!is_kernel($i)) {
            name = symbol($i)
            sub(/^(__)?(libc|GI)_+/, "", name)
            return $i ~ /\/libc[.-]/ ? name : "on the way in or out"
        }
    return "on the way in or out"
}

# Which crate, or which library of the system, a function outside the kernel belongs to.
function owner_of(line, name) {
    if (line ~ /\(\[vdso\]\)$/)
        return "clocks (vdso)"
    if (line !~ /\/node[^\/]*\)$/)
        return "C library"
    while (match(name, /^[^a-z_]*(&mut |&|mut |dyn )?</) || name ~ /^</)
        if (!sub(/^<(&mut |&|mut |dyn )?/, "", name))
            break
    if (match(name, /^(gossip::(core|driver|wire|handle)|[a-z_0-9]+)(::|$)/)) {
        name = substr(name, RSTART, RLENGTH)
        sub(/::$/, "", name)
        return name ~ /^(std|core|alloc)$/ ? "Rust's standard library" : name
    }
    return "other"
}

{
    samples++
    name = symbol($1)
    if (!is_kernel($1)) {
        user++
        symbols[name]++
        owners[owner_of($1, name)]++
        next
    }
    kernel++
    call = call_of($0)
    if ($0 ~ /asm_(sysvec|common_interrupt|exc)/ || call == "") {
        interrupts++
        next
    }
    calls[call]++
    part = $0 ~ /softirq/ ? "delivery" : $0 ~ /[ _]schedule \(/ ? "changing to another thread and back" : "itself"
    parts[call, part]++
}

function row(count, name) {
    return sprintf("%6.2f %% %8.2f us  %s", 100 * count / samples, per * count / samples, name)
}

# Prints a list with the largest first, and no more than so many.
function largest(list, most, indent, sorted, name) {
    sorted = "sort -rn | head -n " most
    for (name in list)
        print row(list[name], indent name) | sorted
    close(sorted)
}

END {
    if (!samples) {
        print "no samples"
        exit 1
    }
    printf "## Where the time goes: %d samples", samples
    if (each)
        printf ", which are %.2f %% of a core", samples * each
    printf "\n\n"
    print row(user, "user code")
    print row(kernel, "kernel")
    printf "\n### Kernel, by system call\n\n"
    for (call in calls) {
        out = row(calls[call], call)
        for (i = split("itself|delivery|changing to another thread and back", which, "|"); i > 0; i--)
            if ((call, which[i]) in parts && parts[call, which[i]] >= samples / 1000)
                out = out "\t" row(parts[call, which[i]], "    " which[i])
        print out | "sort -rn | tr '\\t' '\\n'"
    }
    close("sort -rn | tr '\\t' '\\n'")
    print row(interrupts, "interrupts and page faults")
    printf "\n### User code, by crate or library\n\n"
    largest(owners, 1000, "")
    printf "\n### User code, by symbol\n\n"
    largest(symbols, top, "")
}
