// SPDX-License-Identifier: Apache-2.0

import Foundation
import Signet
import SignetTraining

/// The last checkpoints of a run, `checkpoints/step-N.safetensors`, the newest of them under a second name.
struct KeptCheckpoints {
  let path: String

  /// How many there are.
  var count: Int { steps.count }

  /// Adds the run's newest checkpoint, and removes all but the last `count`.
  func add(_ checkpoint: Checkpoint, at newest: String, count: Int) throws {
    let step = checkpoint.trainer.step
    if count > 1 {
      try RunFolder.makeFolder(path)
      try name(checkpoint, at: newest)
    }
    // Those of a later step are of a past that the run went back behind.
    for old in steps where old > step { unlink(file(old)) }
    for old in steps.dropLast(count > 1 ? count : 0) { unlink(file(old)) }
    if count == 1 { rmdir(path) }
  }

  /// Gives the newest checkpoint, which was read, its second name, if several are kept and a kill came before that.
  ///
  /// There may be another one of its step: before an epoch's figures are measured, and after. Where no name can be made, the run
  /// goes on from the newest all the same.
  func mend(_ checkpoint: Checkpoint, from newest: String) {
    guard !steps.isEmpty else { return }
    let file = file(checkpoint.trainer.step)
    if !FileManager.default.contentsEqual(atPath: newest, andPath: file) {
      try? name(checkpoint, at: newest)
    }
  }

  private func name(_ checkpoint: Checkpoint, at newest: String) throws {
    let file = file(checkpoint.trainer.step)
    unlink(file)
    // A second name takes no room; a file system without them gets a copy.
    if link(newest, file) != 0 { try checkpoint.write(to: file) }
  }

  /// The newest that can be read.
  var newest: (path: String, checkpoint: Checkpoint)? {
    for step in steps.reversed() {
      if let checkpoint = try? Checkpoint(path: file(step)) { return (file(step), checkpoint) }
    }
    return nil
  }

  private func file(_ step: Int) -> String { "\(path)/step-\(step).safetensors" }

  /// In ascending order.
  private var steps: [Int] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
    return names.compactMap { name in
      name.hasPrefix("step-") && name.hasSuffix(".safetensors")
        ? Int(name.dropFirst(5).dropLast(12)) : nil
    }.sorted()
  }
}
