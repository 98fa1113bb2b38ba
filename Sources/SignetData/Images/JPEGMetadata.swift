// SPDX-License-Identifier: Apache-2.0

/// What the marker segments before a JPEG's pixels say beyond what the decoder reports.
///
/// Never fails: what can't be read is as if it were absent, since the pixels don't depend on it.
package struct JPEGMetadata {
  /// The EXIF orientation, 1…8; 1 is upright.
  package private(set) var orientation = 1
  /// Whether Adobe's APP14 segment is there; such files store CMYK inverted.
  private(set) var hasAdobeSegment = false
  /// Whether the pixels are coded arithmetically, which can take less than a bit for a block.
  private(set) var isArithmetic = false
  /// Rows and columns as they are stored, from the frame header; `nil` if there is none, or it leaves the rows open.
  private(set) var storedSize: (height: Int, width: Int)?

  /// Walks the segments from the start of the file to the first scan.
  package init(_ bytes: [UInt8]) {
    var offset = 2
    while offset + 4 <= bytes.count, bytes[offset] == 0xff {
      let marker = bytes[offset + 1]
      if marker == 0xff {  // a fill byte
        offset += 1
        continue
      }
      if marker == 0xda || marker == 0xd9 { return }  // start of scan, end of image
      if marker == 0x01 || (0xd0...0xd7).contains(marker) {  // markers without a length
        offset += 2
        continue
      }
      let length = Int(bytes[offset + 2]) << 8 | Int(bytes[offset + 3])
      guard length >= 2, offset + 2 + length <= bytes.count else { return }
      read(marker: marker, payload: bytes[offset + 4..<offset + 2 + length])
      offset += 2 + length
    }
  }

  private mutating func read(marker: UInt8, payload: ArraySlice<UInt8>) {
    // Of the sixteen markers, three are tables: Huffman, an extension's, arithmetic.
    if (0xc0...0xcf).contains(marker), ![0xc4, 0xc8, 0xcc].contains(marker) {
      if marker > 0xc8 { isArithmetic = true }
      let bytes = payload.prefix(5).map(Int.init)
      if bytes.count == 5, storedSize == nil {
        let size = (height: bytes[1] << 8 | bytes[2], width: bytes[3] << 8 | bytes[4])
        if size.height > 0, size.width > 0 { storedSize = size }
      }
    }
    if marker == 0xe1, payload.starts(with: Array("Exif\0\0".utf8)) {
      if let found = Self.orientation(tiff: Array(payload.dropFirst(6))) { orientation = found }
    } else if marker == 0xee, payload.starts(with: Array("Adobe".utf8)) {
      hasAdobeSegment = true
    }
  }

  /// Tag 0x0112 of the first directory of a TIFF structure, of either byte order.
  private static func orientation(tiff: [UInt8]) -> Int? {
    guard tiff.count >= 8 else { return nil }
    let littleEndian: Bool
    switch (tiff[0], tiff[1]) {
    case (0x49, 0x49): littleEndian = true
    case (0x4d, 0x4d): littleEndian = false
    default: return nil
    }
    func number(at offset: Int, bytes: Int) -> Int? {
      guard offset >= 0, offset <= tiff.count - bytes else { return nil }
      let field = tiff[offset..<offset + bytes]
      return littleEndian
        ? field.reversed().reduce(0) { $0 << 8 | Int($1) } : field.reduce(0) { $0 << 8 | Int($1) }
    }
    guard number(at: 2, bytes: 2) == 42, let directory = number(at: 4, bytes: 4),
      let entries = number(at: directory, bytes: 2)
    else { return nil }
    for entry in 0..<entries {
      let start = directory + 2 + 12 * entry
      guard let tag = number(at: start, bytes: 2) else { return nil }
      guard tag == 0x0112 else { continue }
      // One SHORT, stored in the entry itself.
      guard number(at: start + 2, bytes: 2) == 3, number(at: start + 4, bytes: 4) == 1,
        let value = number(at: start + 8, bytes: 2), (1...8).contains(value)
      else { return nil }
      return value
    }
    return nil
  }
}

extension PixelImage {
  /// The image turned upright from an EXIF orientation, 1…8; other values leave it as it is.
  ///
  /// 2 and 4 mirror it, 3 turns it by 180°, 6 and 8 by 90° clockwise and anticlockwise, 5 and 7 mirror and turn.
  package func oriented(_ orientation: Int) -> PixelImage {
    // Output pixel (y, x) is input pixel `origin + y · down + x · right`.
    let lastColumn = width - 1
    let lastRow = (height - 1) * width
    let origin: Int
    let down: Int
    let right: Int
    switch orientation {
    case 2: (origin, down, right) = (lastColumn, width, -1)
    case 3: (origin, down, right) = (lastRow + lastColumn, -width, -1)
    case 4: (origin, down, right) = (lastRow, -width, 1)
    case 5: (origin, down, right) = (0, 1, width)
    case 6: (origin, down, right) = (lastRow, 1, -width)
    case 7: (origin, down, right) = (lastRow + lastColumn, -1, -width)
    case 8: (origin, down, right) = (lastColumn, -1, width)
    default: return self
    }
    let turned = orientation >= 5
    let newHeight = turned ? width : height
    let newWidth = turned ? height : width
    let bytes = [UInt8](unsafeUninitializedCapacity: pixels.count) { output, initialized in
      pixels.withUnsafeBufferPointer { input in
        var next = 0
        for y in 0..<newHeight {
          for x in 0..<newWidth {
            let source = (origin + y * down + x * right) * channels
            for channel in 0..<channels { output[next + channel] = input[source + channel] }
            next += channels
          }
        }
      }
      initialized = pixels.count
    }
    return PixelImage(height: newHeight, width: newWidth, channels: channels, pixels: bytes)
  }
}
