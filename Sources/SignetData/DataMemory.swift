// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// The memory that images in memory may take.
package enum DataMemory {
  private static let processes = Atomic(1)

  /// Shares the machine's memory out among processes that load the same images.
  package static func share(among count: Int) { processes.store(count, ordering: .relaxed) }

  /// This process's share of it.
  package static var share: Int {
    share(of: FileSystem.physicalMemory, among: processes.load(ordering: .relaxed))
  }

  package static func share(of memory: Int, among processes: Int) -> Int { memory / max(1, processes) }
}

extension ImageLayout {
  /// Whether so many images fit into the machine's memory.
  ///
  /// What size images get follows from it, which must not depend on the number of processes.
  func hasRoom(images count: Int) -> Bool { hasRoom(images: count, in: FileSystem.physicalMemory) }

  private func hasRoom(images count: Int, in memory: Int) -> Bool {
    let (bytes, overflow) = count.multipliedReportingOverflow(by: byteCount)
    return !overflow && bytes <= memory
  }

  /// Refuses data sets that don't fit into this process's share of the memory, instead of being killed half-way.
  package func checkMemory(
    images count: Int, path: String?, memory: Int = DataMemory.share
  ) throws(DataError) {
    guard hasRoom(images: count, in: memory) else {
      let shared = memory < FileSystem.physicalMemory
      throw DataError(
        .tooLarge,
        "\(count) images of \(height)×\(width)×\(channels) need more memory than this machine has"
          + (shared
            ? " for each process; choose a smaller image size, or start fewer on it"
            : "; choose a smaller image size"),
        path: path)
    }
  }
}
