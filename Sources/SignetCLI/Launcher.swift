// SPDX-License-Identifier: Apache-2.0

import Foundation

/// The process that started the ranks of this machine: `mpirun`, or its daemon on another machine than its own.
///
/// What is told about it comes from Linux's `/proc`.
enum Launcher {
  /// Cores that it may use, by its affinity mask; nil where the system doesn't tell.
  static var cores: Int? {
    // A mask is written in groups of hexadecimal digits.
    guard let mask = field("Cpus_allowed", of: process) else { return nil }
    let count = mask.split(separator: ",").reduce(0) { $0 + (UInt64($1, radix: 16)?.nonzeroBitCount ?? 0) }
    return count > 0 ? count : nil
  }

  /// The first ancestor that is no rank: a script between the two has the rank's environment, and is bound as it is.
  private static var process: pid_t {
    var process = getppid()
    while process > 1, isRank(process), let parent = field("PPid", of: process).flatMap({ pid_t($0) }) {
      process = parent
    }
    return process
  }

  private static func isRank(_ process: pid_t) -> Bool {
    let variables = FileManager.default.contents(atPath: "/proc/\(process)/environ") ?? Data()
    return variables.split(separator: 0).contains { variable in
      ["OMPI_COMM_WORLD_RANK=", "PMI_RANK="].contains { variable.starts(with: $0.utf8) }
    }
  }

  /// What the system tells about a process under a name, as in `PPid:	17`.
  private static func field(_ name: String, of process: pid_t) -> Substring? {
    let status = (try? String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)) ?? ""
    let line = status.split(separator: "\n").first { $0.hasPrefix(name + ":") }
    return line?.split(separator: "\t").last
  }
}
