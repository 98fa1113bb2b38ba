// SPDX-License-Identifier: Apache-2.0

import Foundation

/// The machine's processor, as far as the system tells.
enum Processor {
  /// For instance `AMD EPYC 9R14`; nil if the system doesn't say.
  static var name: String? {
    #if canImport(Darwin)
    var size = 0
    guard sysctlbyname("machdep.cpu.brand_string", nil, &size, nil, 0) == 0, size > 0 else { return nil }
    var bytes = [UInt8](repeating: 0, count: size)
    guard sysctlbyname("machdep.cpu.brand_string", &bytes, &size, nil, 0) == 0 else { return nil }
    return String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    #else
    let information = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
    // ARM boards have their name in the device tree instead.
    let board = try? String(contentsOfFile: "/proc/device-tree/model", encoding: .utf8)
    return name(in: information) ?? board?.trimmingCharacters(in: ["\0", "\n"])
    #endif
  }

  /// The value of `model name`, or else of `Hardware`, in the text of `/proc/cpuinfo`.
  private static func name(in information: String) -> String? {
    for key in ["model name", "Hardware"] {
      for line in information.split(separator: "\n") {
        let parts = line.split(separator: ":", maxSplits: 1)
        guard parts.count == 2, parts[0].trimmingCharacters(in: .whitespaces) == key else { continue }
        let value = parts[1].trimmingCharacters(in: .whitespaces)
        if !value.isEmpty { return value }
      }
    }
    return nil
  }
}
