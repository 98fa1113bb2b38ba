// SPDX-License-Identifier: Apache-2.0

import CZlib

/// The file of an index: a header, then what ``ImageIndex/Layout`` says.
///
/// Header: `SIGNETIX`, version (4 bytes), CRC-32 of all that follows it (4), time (8), images (8), folders (8), bytes of the folders'
/// names (4) and of the images' (4), SHA-256 (32).
extension ImageIndex {
  static let magic = Array("SIGNETIX".utf8)
  static let version: UInt32 = 1
  /// The checksum covers what is behind it.
  private static let checked = 16
  /// The most images of an index.
  package static let maximumCount = 1 << 28
  /// The most classes, as in a model.
  package static let maximumClasses = 1 << 20
  /// The largest index file that is read, in bytes.
  package static let maximumFileBytes = 1 << 34

  /// Puts an index together.
  ///
  /// - Shapes: the folders are the part's own and then those of the classes; what is of images has one entry for each.
  init(
    folder: String, made: Int64, digest: [UInt8], classes: [String], folderTimes: [Int64],
    labels: [UInt32], stamps: [FileSystem.Stamp], nameEnds: [UInt32], names: [UInt8]
  ) {
    let folderNames = classes.map { Array($0.utf8) }
    let layout = Layout(
      images: labels.count, folders: folderTimes.count,
      folderNameBytes: folderNames.reduce(0) { $0 + $1.count }, imageNameBytes: names.count)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(layout.count)
    bytes += Self.magic
    bytes.append(number: Self.version)
    bytes.append(number: UInt32(0))
    bytes.append(number: made)
    bytes.append(number: UInt64(layout.images))
    bytes.append(number: UInt64(layout.folders))
    bytes.append(number: UInt32(layout.folderNameBytes))
    bytes.append(number: UInt32(layout.imageNameBytes))
    bytes += digest
    for time in folderTimes { bytes.append(number: time) }
    var end: UInt32 = 0
    for name in folderNames {
      end += UInt32(name.count)
      bytes.append(number: end)
    }
    for name in folderNames { bytes += name }
    for stamp in stamps { bytes.append(number: stamp.size) }
    for stamp in stamps { bytes.append(number: stamp.modified) }
    for label in labels { bytes.append(number: label) }
    for end in nameEnds { bytes.append(number: end) }
    bytes += names
    let checksum = Self.checksum(of: bytes)
    withUnsafeBytes(of: checksum.littleEndian) { bytes.replaceSubrange(12..<16, with: $0) }
    self.init(
      folder: folder, made: made, digest: Self.text(of: digest), classes: classes, layout: layout,
      storage: bytes)
  }

  /// Where the parts of an index file are, and so its size, by its first bytes; `nil` if it is none.
  static func layout(ofHeader bytes: [UInt8]) -> Layout? {
    guard bytes.count >= Layout.header, bytes.starts(with: Self.magic),
      bytes.number(at: 8, as: UInt32.self) == Self.version,
      let images = Int(exactly: bytes.number(at: 24, as: UInt64.self)), images <= Self.maximumCount,
      let folders = Int(exactly: bytes.number(at: 32, as: UInt64.self)),
      (1...Self.maximumClasses + 1).contains(folders)
    else { return nil }
    return Layout(
      images: images, folders: folders, folderNameBytes: Int(bytes.number(at: 40, as: UInt32.self)),
      imageNameBytes: Int(bytes.number(at: 44, as: UInt32.self)))
  }

  /// Reads the content of an index file; `nil` if it is none, or damaged in any way: it is made again then.
  package init?(_ bytes: [UInt8], folder: String) {
    guard let layout = Self.layout(ofHeader: bytes), layout.count == bytes.count, layout.images > 0,
      bytes.number(at: 12, as: UInt32.self) == Self.checksum(of: bytes)
    else { return nil }
    let (images, folders) = (layout.images, layout.folders)
    guard
      bytes.areEnds(at: layout.folderNameEnds, count: folders - 1, of: layout.folderNameBytes),
      bytes.areEnds(at: layout.nameEnds, count: images, of: layout.imageNameBytes),
      bytes.areBelow(folders - 1, at: layout.labels, count: images),
      bytes.areFileNames(ends: layout.folderNameEnds, bytes: layout.folderNames, count: folders - 1),
      bytes.areFileNames(ends: layout.nameEnds, bytes: layout.names, count: images)
    else { return nil }
    self.init(
      folder: folder, made: bytes.number(at: 16, as: Int64.self), digest: Self.text(of: bytes[48..<80]),
      classes: (0..<folders - 1).map {
        bytes.text(ends: layout.folderNameEnds, bytes: layout.folderNames, at: $0)
      },
      layout: layout, storage: bytes)
  }

  private static func checksum(of bytes: [UInt8]) -> UInt32 {
    bytes.withUnsafeBufferPointer { buffer in
      var sum = crc32(0, nil, 0)
      var rest = buffer[checked...]
      while !rest.isEmpty {
        let piece = rest.prefix(1 << 30)
        sum = crc32(sum, UnsafeBufferPointer(rebasing: piece).baseAddress, uInt(piece.count))
        rest = rest.dropFirst(piece.count)
      }
      return UInt32(truncatingIfNeeded: sum)
    }
  }

  private static func text(of digest: some Sequence<UInt8>) -> String {
    let digits = Array("0123456789abcdef".utf8)
    return String(
      decoding: digest.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
  }
}

extension [UInt8] {
  fileprivate mutating func append(number: some FixedWidthInteger) {
    Swift.withUnsafeBytes(of: number.littleEndian) { append(contentsOf: $0) }
  }

  /// Whether numbers never fall, and the last is `total`.
  fileprivate func areEnds(at offset: Int, count: Int, of total: Int) -> Bool {
    var last: UInt32 = 0
    for index in 0..<count {
      let end = number(at: offset + 4 * index, as: UInt32.self)
      guard end >= last else { return false }
      last = end
    }
    return Int(last) == total
  }

  /// Whether texts are names that a folder's files can have: an index from elsewhere must not lead out of its folder.
  ///
  /// The ends of the texts must be right. Names that begin with a dot are passed over in folders.
  fileprivate func areFileNames(ends: Int, bytes: Int, count: Int) -> Bool {
    var start = 0
    for index in 0..<count {
      let end = Int(number(at: ends + 4 * index, as: UInt32.self))
      let name = self[bytes + start..<bytes + end]
      guard let first = name.first, first != UInt8(ascii: "."),
        !name.contains(where: { $0 == UInt8(ascii: "/") || $0 == 0 })
      else { return false }
      start = end
    }
    return true
  }

  fileprivate func areBelow(_ bound: Int, at offset: Int, count: Int) -> Bool {
    (0..<count).allSatisfy { number(at: offset + 4 * $0, as: UInt32.self) < bound }
  }
}
