// SPDX-License-Identifier: Apache-2.0

import Foundation
import Signet
import SignetData

extension SkippedImages {
  /// Lists the files that were passed over on standard error, with their number last.
  func tell() {
    guard count > 0 else { return }
    FileHandle.standardError.write(
      Data("\(text)\(counted(count, "image")) can't be read and were left out\n".utf8))
  }
}
