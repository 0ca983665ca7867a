#!/usr/bin/env python3
"""Writes the constructed hosts of this folder, one NAME.host each, in the form
of passthrough-wizard/host-record.h. Those named lab-* were recorded by
`carrel doctor --record` in tests/lab and are not made here.

The machines are typical, not copied: models, ids and groupings are what such
hardware is known to show; what nobody needs to tell them apart is left out.
"""
import os
import struct

HERE = os.path.dirname(os.path.abspath(__file__))

NAMES = {
    '8086': ('Intel Corporation', {
        '4668': 'Alder Lake-S Host Bridge', '460d': 'Alder Lake PCIe x16 Port',
        '4680': 'AlderLake-S GT1 [UHD Graphics 770]',
        '464d': 'Alder Lake PCIe x4 Port', '7ae0': 'Alder Lake USB Controller',
        '7ae2': 'Alder Lake SATA Controller', '7a84': 'Alder Lake LPC Bridge',
        '7aa3': 'Alder Lake SMBus', '7ad0': 'Alder Lake HD Audio',
        '7ab8': 'Alder Lake PCIe Port', '125c': 'I226-V Ethernet',
        '9bc4': 'CometLake-H GT2 [UHD Graphics]', '9b54': 'Comet Lake Host',
        '1901': 'PCIe Port (x16)', '06ed': 'Comet Lake USB Controller',
        '068e': 'Comet Lake LPC Bridge', '06a3': 'Comet Lake SMBus',
        '2723': 'Wi-Fi 6 AX200', '06b8': 'Comet Lake PCIe Port',
        '2020': 'Sky Lake-E DMI3', '2030': 'Sky Lake-E PCIe Port A',
        '1572': 'Ethernet Controller X710 for 10GbE SFP+',
        '154c': 'Ethernet Virtual Function 700 Series',
        'a1af': 'C620 USB Controller', 'a1c1': 'C620 LPC Bridge',
        'a1a3': 'C620 SMBus', '0150': 'Ivy Bridge Host Bridge',
        '0151': 'Ivy Bridge PCIe x16 Port', '1e31': '7 Series USB Controller',
        '1e02': '7 Series SATA Controller', '1e44': '7 Series LPC Bridge',
        '1503': '82579V Ethernet'}),
    '10de': ('NVIDIA Corporation', {
        '2786': 'AD104 [GeForce RTX 4070]', '22bc': 'AD104 HD Audio',
        '1f95': 'TU117M [GeForce GTX 1650 Ti Mobile]',
        '2206': 'GA102 [GeForce RTX 3080]', '1aef': 'GA102 HD Audio',
        '1c82': 'GP107 [GeForce GTX 1050 Ti]', '0fb9': 'GP107 HD Audio'}),
    '1002': ('AMD/ATI', {
        '73bf': 'Navi 21 [Radeon RX 6800]', 'ab28': 'Navi 21 HDMI Audio',
        '67df': 'Ellesmere [Radeon RX 580]', 'aaf0': 'Ellesmere HDMI Audio',
        '747e': 'Navi 32 [Radeon RX 7800 XT]', 'ab30': 'Navi 31 HDMI Audio'}),
    '1022': ('AMD', {
        '1480': 'Starship/Matisse Root Complex',
        '1481': 'Starship/Matisse IOMMU', '1483': 'Starship/Matisse PCIe Port',
        '1484': 'Starship/Matisse Internal PCIe Port',
        '149c': 'Matisse USB 3.0 Controller',
        '43d5': '400 Series Chipset USB 3.1 Controller',
        '43c8': '400 Series Chipset SATA Controller',
        '43c6': '400 Series Chipset PCIe Bridge',
        '43c7': '400 Series Chipset PCIe Port',
        '790b': 'FCH SMBus', '790e': 'FCH LPC Bridge',
        '43ee': '500 Series Chipset USB Controller'}),
    '144d': ('Samsung Electronics', {'a80a': 'NVMe SSD 980 PRO',
                                     'a808': 'NVMe SSD 970'}),
    '10ec': ('Realtek', {'8168': 'RTL8111/8168 Gigabit Ethernet'}),
    '1a03': ('ASPEED Technology', {'1150': 'AST1150 PCI Bridge',
                                   '2000': 'ASPEED Graphics'}),
    '1000': ('Broadcom / LSI', {'005d': 'MegaRAID SAS-3 3108'}),
}

CPUS = {
    'alder': ('GenuineIntel', '12th Gen Intel(R) Core(TM) i5-12600K', 'vmx', 16),
    'comet': ('GenuineIntel', 'Intel(R) Core(TM) i7-10750H', 'vmx', 12),
    'xeon': ('GenuineIntel', 'Intel(R) Xeon(R) Silver 4114', 'vmx', 20),
    'ivy': ('GenuineIntel', 'Intel(R) Core(TM) i5-3570K', 'vmx', 4),
    'ryzen': ('AuthenticAMD', 'AMD Ryzen 7 5800X 8-Core Processor', 'svm', 16),
    'ryzen-off': ('AuthenticAMD', 'AMD Ryzen 5 2600 Six-Core Processor', '', 12),
}


def config(fn, root):
    """Configuration space of a function: header, PM, MSI-X, PCI Express, ACS."""
    space = bytearray(4096 if 'acs' in fn or fn.get('sriov') else 256)
    vendor, device = (int(x, 16) for x in fn['id'].split(':'))
    cls = int(fn['class'], 16)
    if fn.get('vf'):
        vendor = device = 0xffff
    struct.pack_into('<HHHH', space, 0, vendor, device, 0x0006, 0x0010)
    space[8:12] = bytes([fn.get('rev', 1), cls & 255, cls >> 8 & 255, cls >> 16])
    space[14] = (1 if cls >> 8 == 0x0604 else 0) | (0x80 if fn.get('multi') else 0)
    space[0x34] = 0x40
    pm_no_reset = 0 if 'pm' in fn.get('reset', '').split() else 8
    struct.pack_into('<BBHH', space, 0x40, 1, 0x50, 3, pm_no_reset)
    if fn.get('pcie') is not None:
        flr = 0x10000000 if 'flr' in fn.get('reset', '').split() else 0
        struct.pack_into('<BBHI', space, 0x50, 0x10, 0x70,
                         2 | fn['pcie'] << 4, flr)
    else:
        space[0x41] = 0x70
    struct.pack_into('<BBH', space, 0x70, 0x11, 0, fn.get('msix', 8) - 1)
    at = 0x100
    if 'acs' in fn:
        nxt = 0x140 if fn.get('sriov') else 0
        struct.pack_into('<IHH', space, at, 0x1000d | nxt << 20, 0x5f,
                         0x1d if fn['acs'] else 0)
        at = 0x140
    if fn.get('sriov'):
        struct.pack_into('<I', space, at, 0x10010)
    if not root:
        return bytes(space[:64])
    return bytes(space[:512] if len(space) > 256 else space)


def packed(data):
    """Bytes as a recording has them: long runs of zero as a number."""
    out, i = '', 0
    while i < len(data):
        n = len(data) - i - len(data[i:].lstrip(b'\0'))
        if n >= 8:
            out += f' +{n} '
            i += n
        else:
            out += f'{data[i]:02x}'
            i += 1
    return out.strip()


class Host:
    def __init__(self, name, remark, cpu, **facts):
        self.name, self.remark, self.cpu = name, remark, cpu
        self.facts = facts
        self.fns, self.lines, self.keyboards = [], [], []
        self.mounts, self.routes, self.nodes = [], [], []

    def fn(self, path, ident, cls, group=None, driver=None, **more):
        """path: addresses from the root bus down, blanks between."""
        fn = {'path': ['0000:' + p for p in path.split()], 'id': ident,
              'class': cls, 'group': group, 'driver': driver, **more}
        if fn.get('pcie') is None and 'pcie' not in more and len(fn['path']) > 1:
            fn['pcie'] = 0
        self.fns.append(fn)
        return fn

    def dir(self, fn):
        bus = 'pci' + fn['path'][0][:7]
        return '/sys/devices/' + '/'.join([bus] + fn['path'])

    def below(self, fn, cls, name, sub, devname=None, extra=()):
        path = f'{self.dir(fn)}/{sub}/{name}'
        up = path[len('/sys/'):]
        self.lines += [f'L /sys/class/{cls}/{name} ../../{up}', f'@ {path}']
        if devname:
            self.lines.append(f'F uevent DEVNAME={devname}')
        self.lines += list(extra) or ([] if devname else ['D power'])
        self.lines.append('@ /')

    def disk(self, fn, name, mount=None):
        ctrl = name[:5]
        sub = f'nvme/{ctrl}' if name.startswith('nvme') else 'ata1/block'
        self.below(fn, 'block', name, sub, name)
        if mount:
            self.mounts.append(f'1 1 0:1 / {mount} rw - ext4 /dev/{name} rw')

    def net(self, fn, name, up=True, default=False):
        self.below(fn, 'net', name, 'net',
                   extra=[f'F operstate {"up" if up else "down"}'])
        if default:
            self.routes.append(name)

    def display(self, fn, n, frame=False, users=()):
        self.below(fn, 'drm', f'card{n}', 'drm', f'dri/card{n}')
        if frame:
            self.lines.append(f'L /sys/class/graphics/fb0 ../../'
                              f'{self.dir(fn)[5:]}/graphics/fb0')
        for pid, comm in users:
            self.nodes.append(f'/dev/dri/card{n} {pid} {comm}')

    def keyboard(self, fn=None):
        where = (f'{self.dir(fn)[4:]}/usb1/1-1' if fn
                 else '/devices/platform/i8042/serio0')
        self.keyboards.append((f'{"USB" if fn else "PS/2"} keyboard', where))

    # ---- writing ----

    def head(self):
        vendor, model, flag, n = CPUS[self.cpu]
        f = self.facts
        kernel = f.get('kernel', '6.1.0-28-amd64')
        out = ['carrel-host 1', f'# constructed: {self.remark}',
               'T /proc/cpuinfo']
        for i in range(n):
            out.append(f'\tprocessor\t: {i}')
            if i == 0:
                out += [f'\tvendor_id\t: {vendor}', f'\tmodel name\t: {model}',
                        f'\tflags\t\t: fpu vme {flag}'.rstrip()]
        out += [f'F /proc/sys/kernel/osrelease {kernel}',
                f'F /proc/cmdline {f.get("cmdline", "quiet")}',
                f'T /boot/config-{kernel}']
        out += ['\tCONFIG_' + o + '=y' for o in f.get('options', (
            'INTEL_IOMMU', 'INTEL_IOMMU_DEFAULT_ON', 'AMD_IOMMU', 'IRQ_REMAP'))]
        uid = 0 if f.get('root') else 1000
        out += [f'D /lib/modules/{kernel}/kernel/drivers/vfio/pci',
                'T /proc/self/status', '\t', f'\tUid:\t{uid}\t{uid}\t{uid}\t{uid}',
                'T /proc/self/limits', '\t',
                '\tMax locked memory         ' + f.get('memlock', '8388608') +
                '              bytes',
                'T /proc/meminfo', f'\tMemTotal:       {f.get("ram", 32) << 20} kB',
                f'\tMemAvailable:   {f.get("ram", 32) * 3 // 4 << 20} kB',
                'F /sys/kernel/mm/transparent_hugepage/enabled always '
                '[madvise] never',
                'F /sys/devices/system/clocksource/clocksource0/'
                'current_clocksource tsc',
                'F /sys/kernel/security/lockdown [none] integrity '
                'confidentiality',
                'F /usr/share/seabios/bios-256k.bin',
                'F /usr/share/OVMF/OVMF_CODE_4M.fd',
                'N /dev/net/tun 666 0 0 rw', 'N /dev/vhost-net 660 0 106 rw']
        if flag:
            out += ['N /dev/kvm 660 0 106 rw',
                    f'F /sys/module/kvm_{"amd" if flag == "svm" else "intel"}'
                    f'/parameters/nested {"1" if flag == "svm" else "Y"}']
        return out

    def iommu(self):
        f, out = self.facts, []
        table = f.get('table')
        bits = 39 if self.cpu != 'xeon' else 46
        if table == 'DMAR' and f.get('root'):
            body = bytearray(48 + 16)
            body[0:4] = b'DMAR'
            struct.pack_into('<I', body, 4, len(body))
            body[36], body[37] = bits - 1, 1 if f.get('remap', True) else 0
            struct.pack_into('<HHB', body, 48, 0, 16, 1)
            out.append('X /sys/firmware/acpi/tables/DMAR ' + body.hex())
        elif table:
            out.append(f'P /sys/firmware/acpi/tables/{table} 400')
        out.append('F /proc/interrupts 24: 1 ' + (
            'IR-PCI-MSI' if f.get('on') and f.get('remap', True) else 'PCI-MSI'))
        if f.get('on'):
            unit = 'dmar0' if table == 'DMAR' else 'ivhd0'
            out.append(f'D /sys/class/iommu/{unit}')
        return out

    def one(self, fn):
        bdf, where = fn['path'][-1], self.dir(fn)
        ups = '../' * (len(fn['path']) + 2)
        out = ['', f'@ {where}']
        vendor, device = fn['id'].split(':')
        sub = fn.get('sub', fn['id']).split(':')
        out += [f'F vendor 0x{vendor}', f'F device 0x{device}',
                f'F subsystem_vendor 0x{sub[0]}', f'F subsystem_device 0x{sub[1]}',
                f'F class 0x{fn["class"]}', 'F revision 0x01', 'F enable 1']
        if fn['class'].startswith('0300'):
            out.append(f'F boot_vga {1 if fn.get("boot") else 0}')
        if fn.get('pcie') is not None:
            out.append('F max_link_speed 8.0 GT/s PCIe')
        if fn.get('reset') is not None:
            out.append(f'F reset_method {fn["reset"]}'.rstrip())
        if fn['class'].startswith('03'):
            out.append('P rom 600')
        out.append(f'F power_state {fn.get("power", "D0")}')
        if fn.get('sriov'):
            total, now = fn['sriov']
            out += [f'F sriov_totalvfs {total}', f'F sriov_numvfs {now}',
                    'F sriov_offset 16', 'F sriov_stride 1',
                    'F sriov_vf_device 154c', 'F sriov_drivers_autoprobe 1']
        for i, vf in enumerate(fn.get('vfs', ())):
            out.append(f'L virtfn{i} ../0000:{vf}')
        if fn.get('physfn'):
            out.append(f'L physfn ../0000:{fn["physfn"]}')
        if fn['driver']:
            out.append(f'L driver {ups}bus/pci/drivers/{fn["driver"]}')
        if fn['group'] is not None and self.facts.get('on'):
            out.append(f'L iommu_group {ups}kernel/iommu_groups/{fn["group"]}')
        out.append('X config ' + packed(config(fn, self.facts.get('root'))))
        out.append(f'L /sys/bus/pci/devices/{bdf} ../../../{where[5:]}')
        return out

    def groups(self):
        out = []
        for g in sorted({f['group'] for f in self.fns
                         if f['group'] is not None and self.facts.get('on')}):
            out += [f'F /sys/kernel/iommu_groups/{g}/type '
                    f'{self.facts.get("type", "DMA-FQ")}']
            rows = ['0x00000000fee00000 0x00000000feefffff msi']
            if g in self.facts.get('direct', ()):
                rows.insert(0, '0x000000007d000000 0x000000007dffffff direct')
            out += [f'T /sys/kernel/iommu_groups/{g}/reserved_regions']
            out += ['\t' + r for r in rows]
        return out

    def tail(self):
        out = ['', '@ /', 'T /proc/self/mountinfo'] + ['\t' + m for m in self.mounts]
        if self.routes:
            out.append('T /proc/net/route')
            out += [f'\t{r} 00000000 00000000 0003 0 0 0 00000000 0 0 0'
                    for r in self.routes]
        out.append('F /carrel/ssh-interfaces ' + ' '.join(self.facts.get('ssh', ())))
        out += ['T /proc/bus/input/devices']
        for name, where in self.keyboards:
            out += [f'\tN: Name="{name}"', f'\tS: Sysfs={where}',
                    '\tB: KEY=fffffffffffffffe', '\t']
        out += ['T /carrel/open-nodes'] + ['\t' + n for n in self.nodes]
        if not self.facts.get('root'):
            out.append('F /carrel/only-own-processes')
        out += [f'D /sys/bus/pci/drivers/{d}' for d in
                sorted({f['driver'] for f in self.fns if f['driver']})]
        out.append('T /usr/share/misc/pci.ids')
        seen = {}
        for f in self.fns:
            v, d = f['id'].split(':')
            seen.setdefault(v, set()).add(d)
        for v in sorted(seen):
            out.append(f'\t{v}  {NAMES[v][0]}')
            out += [f'\t\t{d}  {NAMES[v][1][d]}' for d in sorted(seen[v])]
        return out

    def write(self):
        lines = self.head() + self.iommu() + [l.rstrip(' ') for l in self.lines]
        lines += self.groups()
        for fn in self.fns:
            lines += self.one(fn)
        lines += self.tail()
        with open(os.path.join(HERE, self.name + '.host'), 'w',
                  encoding='utf-8') as out:
            out.write('\n'.join(lines) + '\n')


ROOT_PORT = {'pcie': 4, 'acs': True}
BAD_PORT = {'pcie': 4, 'acs': False}


def intel_chipset(h, group, lpc, smbus):
    h.fn('00:1f.0', f'8086:{lpc}', '060100', group)
    h.fn('00:1f.4', f'8086:{smbus}', '0c0500', group, 'i801_smbus')


def intel_desktop():
    h = Host('intel-desktop', 'Intel desktop with graphics in the processor '
             'and an NVIDIA card, seen by a normal user', 'alder', table='DMAR',
             on=True, ram=64)
    h.fn('00:00.0', '8086:4668', '060000', 0)
    h.fn('00:01.0', '8086:460d', '060400', 1, 'pcieport', **ROOT_PORT)
    igd = h.fn('00:02.0', '8086:4680', '030000', 2, 'i915', boot=True, reset='flr')
    h.fn('00:06.0', '8086:464d', '060400', 3, 'pcieport', **ROOT_PORT)
    usb = h.fn('00:14.0', '8086:7ae0', '0c0330', 4, 'xhci_hcd', reset='pm')
    sata = h.fn('00:17.0', '8086:7ae2', '010601', 5, 'ahci', reset='pm')
    h.fn('00:1c.0', '8086:7ab8', '060400', 6, 'pcieport', **ROOT_PORT)
    intel_chipset(h, 7, '7a84', '7aa3')
    h.fn('00:1f.3', '8086:7ad0', '040300', 7, 'snd_hda_intel')
    gpu = h.fn('00:01.0 01:00.0', '10de:2786', '030000', 14, 'nvidia',
               reset='bus', multi=True)
    h.fn('00:01.0 01:00.1', '10de:22bc', '040300', 14, 'snd_hda_intel',
         multi=True)
    nvme = h.fn('00:06.0 02:00.0', '144d:a80a', '010802', 15, 'nvme',
                reset='flr bus')
    nic = h.fn('00:1c.0 03:00.0', '8086:125c', '020000', 16, 'igc',
               reset='flr bus')
    h.display(igd, 0, frame=True, users=[(1412, 'gnome-shell')])
    h.display(gpu, 1)
    h.disk(nvme, 'nvme0n1', '/')
    h.disk(sata, 'sda', '/data')
    h.net(nic, 'enp3s0', default=True)
    h.keyboard(usb)
    return h


def amd_desktop():
    h = Host('amd-desktop', 'AMD desktop with two graphics cards, one without '
             'a reset', 'ryzen', table='IVRS', on=True, root=True,
             memlock='unlimited', ram=32)
    h.fn('00:00.0', '1022:1480', '060000', 0)
    h.fn('00:00.2', '1022:1481', '080600', 0)
    for slot, g in (('00:01.1', 1), ('00:01.2', 2), ('00:03.1', 3),
                    ('00:03.2', 4), ('00:07.1', 5)):
        h.fn(slot, '1022:1483', '060400', g, 'pcieport', **ROOT_PORT)
    h.fn('00:14.0', '1022:790b', '0c0500', 6, 'piix4_smbus')
    h.fn('00:14.3', '1022:790e', '060100', 6)
    nvme = h.fn('00:01.1 01:00.0', '144d:a808', '010802', 14, 'nvme',
                reset='flr bus')
    nic = h.fn('00:01.2 02:00.0', '10ec:8168', '020000', 15, 'r8169', reset='bus')
    big = h.fn('00:03.1 0a:00.0', '1002:73bf', '030000', 16, 'amdgpu',
               boot=True, reset='device_specific bus', multi=True)
    h.fn('00:03.1 0a:00.1', '1002:ab28', '040300', 17, 'snd_hda_intel',
         multi=True)
    old = h.fn('00:03.2 0b:00.0', '1002:67df', '030000', 18, 'amdgpu',
               multi=True)
    h.fn('00:03.2 0b:00.1', '1002:aaf0', '040300', 18, 'snd_hda_intel',
         multi=True)
    usb = h.fn('00:07.1 0c:00.3', '1022:149c', '0c0330', 19, 'xhci_hcd',
               reset='flr')
    usb2 = h.fn('00:01.2 02:00.1', '1022:43ee', '0c0330', 20, 'xhci_hcd',
                reset='flr')
    h.display(big, 0, frame=True, users=[(1190, 'Xorg')])
    h.display(old, 1, users=[(1190, 'Xorg')])
    h.disk(nvme, 'nvme0n1', '/')
    h.net(nic, 'enp2s0', default=True)
    h.keyboard(usb)
    h.keyboard(usb2)
    return h


def laptop_muxless():
    h = Host('laptop-muxless', 'laptop whose NVIDIA chip has no outputs', 'comet',
             table='DMAR', on=True, root=True, ram=16)
    h.fn('00:00.0', '8086:9b54', '060000', 0)
    h.fn('00:01.0', '8086:1901', '060400', 1, 'pcieport', **ROOT_PORT)
    igd = h.fn('00:02.0', '8086:9bc4', '030000', 2, 'i915', boot=True, reset='flr')
    h.fn('00:14.0', '8086:06ed', '0c0330', 3, 'xhci_hcd', reset='pm')
    h.fn('00:1d.0', '8086:06b8', '060400', 4, 'pcieport', **ROOT_PORT)
    h.fn('00:1d.5', '8086:06b8', '060400', 5, 'pcieport', **ROOT_PORT)
    intel_chipset(h, 6, '068e', '06a3')
    h.fn('00:01.0 01:00.0', '10de:1f95', '030200', 1, 'nouveau',
         reset='pm bus', power='D3cold')
    nvme = h.fn('00:1d.0 02:00.0', '144d:a808', '010802', 7, 'nvme',
                reset='flr bus')
    wifi = h.fn('00:1d.5 03:00.0', '8086:2723', '028000', 8, 'iwlwifi',
                reset='flr')
    h.display(igd, 0, frame=True, users=[(900, 'sway')])
    h.disk(nvme, 'nvme0n1', '/')
    h.net(wifi, 'wlp3s0', default=True)
    h.keyboard()
    return h


def server_sriov():
    h = Host('server-sriov', 'server with two SR-IOV ports, a bridge on one of '
             'them, SSH over it, a RAID controller that the firmware keeps',
             'xeon', table='DMAR', on=True, root=True, ram=128,
             memlock='unlimited', ssh=['eno1'], direct=(12,), type='identity')
    h.fn('00:00.0', '8086:2020', '060000', 0)
    h.fn('00:14.0', '8086:a1af', '0c0330', 1, 'xhci_hcd', reset='pm')
    h.fn('00:1c.0', '8086:2030', '060400', 2, 'pcieport', **ROOT_PORT)
    intel_chipset(h, 3, 'a1c1', 'a1a3')
    h.fn('16:00.0', '8086:2030', '060400', 4, 'pcieport', **ROOT_PORT)
    h.fn('17:00.0', '8086:2030', '060400', 5, 'pcieport', **ROOT_PORT)
    h.fn('00:1c.0 03:00.0', '1a03:1150', '060400', 10, None, pcie=7)
    bmc = h.fn('00:1c.0 03:00.0 04:00.0', '1a03:2000', '030000', 10, 'ast',
               boot=True, pcie=None)
    raid = h.fn('17:00.0 18:00.0', '1000:005d', '010400', 12, 'megaraid_sas',
                reset='flr bus')
    vfs = ['1a:02.0', '1a:02.1', '1a:02.2', '1a:02.3']
    pf0 = h.fn('16:00.0 1a:00.0', '8086:1572', '020000', 20, 'i40e',
               reset='flr', sriov=(64, 0), acs=True, multi=True, msix=129)
    pf1 = h.fn('16:00.0 1a:00.1', '8086:1572', '020000', 21, 'i40e',
               reset='flr', sriov=(64, 4), vfs=vfs, acs=True, multi=True,
               msix=129)
    for i, vf in enumerate(vfs):
        h.fn(f'16:00.0 {vf}', '8086:154c', '020000', 30 + i,
             'vfio-pci' if i < 2 else 'iavf', reset='flr', physfn='1a:00.1',
             vf=True, msix=5)
    h.display(bmc, 0, frame=True)
    h.disk(raid, 'sda', '/')
    h.net(pf0, 'eno1')
    h.net(pf1, 'eno2')
    h.lines += ['L /sys/class/net/br0 ../../devices/virtual/net/br0',
                '@ /sys/devices/virtual/net/br0', 'D bridge', 'D lower_eno1',
                'F operstate up', '@ /', 'N /dev/vfio/30 600 0 0 rw',
                'N /dev/vfio/31 600 0 0 rw']
    h.routes.append('br0')
    h.nodes.append('/dev/vfio/30 5120 carrel')
    return h


def twin_gpus():
    h = Host('twin-gpus', 'two cards of one model; the first draws the console',
             'ryzen', table='IVRS', on=True, root=True, ram=64,
             memlock='unlimited')
    h.fn('00:00.0', '1022:1480', '060000', 0)
    for slot, g in (('00:01.1', 1), ('00:03.1', 2), ('00:03.2', 3),
                    ('00:07.1', 4)):
        h.fn(slot, '1022:1483', '060400', g, 'pcieport', **ROOT_PORT)
    nvme = h.fn('00:01.1 01:00.0', '144d:a80a', '010802', 10, 'nvme',
                reset='flr bus')
    first = h.fn('00:03.1 0a:00.0', '10de:2206', '030000', 11, 'nvidia',
                 boot=True, reset='bus', multi=True)
    h.fn('00:03.1 0a:00.1', '10de:1aef', '040300', 11, 'snd_hda_intel',
         multi=True)
    h.fn('00:03.2 0b:00.0', '10de:2206', '030000', 12, 'nvidia', reset='bus',
         multi=True)
    h.fn('00:03.2 0b:00.1', '10de:1aef', '040300', 12, 'snd_hda_intel',
         multi=True)
    usb = h.fn('00:07.1 0c:00.3', '1022:149c', '0c0330', 13, 'xhci_hcd',
               reset='flr')
    h.display(first, 0, frame=True, users=[(1021, 'Xorg')])
    h.disk(nvme, 'nvme0n1', '/')
    h.keyboard(usb)
    return h


def ivy(name, remark, **facts):
    h = Host(name, remark, 'ivy', ram=16, **facts)
    h.fn('00:00.0', '8086:0150', '060000', 0)
    h.fn('00:01.0', '8086:0151', '060400', 1, 'pcieport', **ROOT_PORT)
    usb = h.fn('00:14.0', '8086:1e31', '0c0330', 2, 'xhci_hcd', reset='pm')
    nic = h.fn('00:19.0', '8086:1503', '020000', 3, 'e1000e', reset='flr pm')
    h.fn('00:1f.0', '8086:1e44', '060100', 4)
    sata = h.fn('00:1f.2', '8086:1e02', '010601', 4, 'ahci')
    gpu = h.fn('00:01.0 01:00.0', '10de:1c82', '030000', 1, 'nouveau',
               boot=True, reset='bus', multi=True)
    h.fn('00:01.0 01:00.1', '10de:0fb9', '040300', 1, 'snd_hda_intel',
         multi=True)
    h.display(gpu, 0, frame=True)
    h.disk(sata, 'sda', '/')
    h.net(nic, 'eno1', default=True)
    h.keyboard(usb)
    return h


def not_isolated():
    h = Host('not-isolated', 'AMD board whose second slot hangs on the chipset: '
             'one group with network and disks', 'ryzen', table='IVRS', on=True,
             root=True, ram=32, memlock='unlimited')
    h.fn('00:00.0', '1022:1480', '060000', 0)
    h.fn('00:01.1', '1022:1483', '060400', 1, 'pcieport', **ROOT_PORT)
    h.fn('00:01.3', '1022:1483', '060400', 15, 'pcieport', **BAD_PORT)
    h.fn('00:03.1', '1022:1483', '060400', 2, 'pcieport', **ROOT_PORT)
    up = '00:01.3 03:00.2'
    usb = h.fn('00:01.3 03:00.0', '1022:43d5', '0c0330', 15, 'xhci_hcd',
               multi=True)
    sata = h.fn('00:01.3 03:00.1', '1022:43c8', '010601', 15, 'ahci', multi=True)
    h.fn(up, '1022:43c6', '060400', 15, 'pcieport', pcie=5, multi=True)
    h.fn(f'{up} 1d:00.0', '1022:43c7', '060400', 15, 'pcieport', pcie=6,
         acs=False)
    h.fn(f'{up} 1d:01.0', '1022:43c7', '060400', 15, 'pcieport', pcie=6,
         acs=False)
    nic = h.fn(f'{up} 1d:00.0 1e:00.0', '10ec:8168', '020000', 15, 'r8169',
               reset='bus')
    h.fn(f'{up} 1d:01.0 1f:00.0', '10de:1c82', '030000', 15, 'nouveau',
         reset='bus', multi=True)
    h.fn(f'{up} 1d:01.0 1f:00.1', '10de:0fb9', '040300', 15, 'snd_hda_intel',
         multi=True)
    nvme = h.fn('00:01.1 01:00.0', '144d:a808', '010802', 16, 'nvme',
                reset='flr bus')
    gpu = h.fn('00:03.1 26:00.0', '1002:73bf', '030000', 17, 'amdgpu', boot=True,
               reset='bus', multi=True)
    h.fn('00:03.1 26:00.1', '1002:ab28', '040300', 18, 'snd_hda_intel',
         multi=True)
    h.display(gpu, 0, frame=True, users=[(1300, 'kwin_wayland')])
    h.disk(nvme, 'nvme0n1', '/')
    h.disk(sata, 'sda', '/data')
    h.net(nic, 'enp30s0', default=True)
    h.keyboard(usb)
    return h


def single_gpu():
    h = Host('single-gpu', 'AMD desktop with one graphics card and no graphics '
             'in the processor', 'ryzen', table='IVRS', on=True, root=True,
             ram=32, memlock='unlimited')
    h.fn('00:00.0', '1022:1480', '060000', 0)
    for slot, g in (('00:01.1', 1), ('00:01.2', 2), ('00:03.1', 3),
                    ('00:07.1', 4)):
        h.fn(slot, '1022:1483', '060400', g, 'pcieport', **ROOT_PORT)
    nvme = h.fn('00:01.1 01:00.0', '144d:a80a', '010802', 10, 'nvme',
                reset='flr bus')
    nic = h.fn('00:01.2 02:00.0', '10ec:8168', '020000', 11, 'r8169', reset='bus')
    gpu = h.fn('00:03.1 03:00.0', '1002:747e', '030000', 12, 'amdgpu', boot=True,
               reset='bus', multi=True)
    h.fn('00:03.1 03:00.1', '1002:ab30', '040300', 13, 'snd_hda_intel',
         multi=True)
    usb = h.fn('00:07.1 04:00.3', '1022:149c', '0c0330', 14, 'xhci_hcd',
               reset='flr')
    h.display(gpu, 0, frame=True, users=[(980, 'systemd-logind'), (1100, 'Xorg')])
    h.disk(nvme, 'nvme0n1', '/')
    h.net(nic, 'enp2s0', default=True)
    h.keyboard(usb)
    return h


def no_svm():
    h = Host('no-virtualization', 'AMD desktop with SVM and IOMMU switched off '
             'in the firmware', 'ryzen-off', ram=16)
    h.fn('00:00.0', '1022:1480', '060000')
    h.fn('00:01.1', '1022:1483', '060400', None, 'pcieport', **ROOT_PORT)
    h.fn('00:03.1', '1022:1483', '060400', None, 'pcieport', **ROOT_PORT)
    nvme = h.fn('00:01.1 01:00.0', '144d:a808', '010802', None, 'nvme',
                reset='flr bus')
    gpu = h.fn('00:03.1 03:00.0', '1002:67df', '030000', None, 'amdgpu',
               boot=True, multi=True)
    h.display(gpu, 0, frame=True)
    h.disk(nvme, 'nvme0n1', '/')
    return h


HOSTS = [
    intel_desktop(), amd_desktop(), laptop_muxless(), server_sriov(),
    twin_gpus(), not_isolated(), single_gpu(), no_svm(),
    ivy('no-iommu', 'Intel desktop with VT-d switched off in the firmware'),
    ivy('iommu-argument', 'Intel desktop whose kernel wants intel_iommu=on',
        table='DMAR', options=('INTEL_IOMMU', 'IRQ_REMAP')),
    ivy('iommu-off', 'Intel desktop with intel_iommu=off', table='DMAR',
        cmdline='intel_iommu=off quiet'),
]

if __name__ == '__main__':
    for host in HOSTS:
        host.write()
