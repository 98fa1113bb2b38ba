// SPDX-License-Identifier: Apache-2.0

import Foundation
import Signet
import SignetData
import SignetTraining

extension SkippedImages {
  /// Adds what other ranks could not read; all of them call this at the same time.
  func gather(from collective: any Collective) throws {
    guard collective.ranks > 1 else { return }
    let own = Array(text.utf8)
    let counts = try collective.gather(
      [Double(own.count)], counts: Array(repeating: 1, count: collective.ranks))
    // They are few, so that it does not matter what carries them.
    let all = try collective.gather(own.map { Double($0) }, counts: counts.map { Int($0) })
    add(listed: String(decoding: all.map { UInt8($0) }, as: UTF8.self))
  }

  /// Lists the files that were passed over on standard error, with their number last.
  func tell() {
    guard count > 0 else { return }
    let end = "can't be read and \(count == 1 ? "was" : "were") left out"
    FileHandle.standardError.write(Data("\(text)\(counted(count, "image")) \(end)\n".utf8))
  }
}
