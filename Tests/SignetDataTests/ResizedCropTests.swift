// SPDX-License-Identifier: Apache-2.0

import Foundation
import Signet
import SignetData
import Testing

/// Oracle: the distribution that the definition names, and the limits of the part.
@Suite struct ResizedCropTests {
  private func regions(_ height: Int, _ width: Int, _ count: Int = 4000) -> [ResizedCrop.Region] {
    (0..<count).map {
      ResizedCrop(random: SplitMix64(seed: 1, stream: UInt64($0))).region(height: height, width: width)
    }
  }

  @Test(arguments: [(375, 500), (500, 375), (224, 224), (3, 4), (1, 1), (1, 900), (900, 1), (65_500, 3)])
  func partsLieInTheImage(height: Int, width: Int) {
    for region in regions(height, width, 500) {
      #expect(region.height >= 1 && region.width >= 1 && region.top >= 0 && region.left >= 0)
      #expect(region.top + region.height <= height && region.left + region.width <= width)
    }
  }

  @Test func areasAndRatiosAreThoseOfTheDefinition() {
    // In a square, no ratio is refused below an area of ¾, so there areas are spread evenly.
    let (height, width) = (2000, 2000)
    let all = regions(height, width, 20_000)
    let areas = all.map { Double($0.height * $0.width) / Double(height * width) }
    #expect(areas.allSatisfy { $0 > 0.079 && $0 <= 1 })
    let small = areas.filter { $0 < 0.7 }
    for bin in 0..<8 {
      let low = 0.08 + 0.62 * Double(bin) / 8
      let share = Double(small.count { $0 >= low && $0 < low + 0.62 / 8 }) / Double(small.count)
      // Five standard deviations of ⅛ of about 13,000.
      #expect(abs(share - 0.125) < 0.0145)
    }
    let ratios = all.map { log(Double($0.width) / Double($0.height)) }
    #expect(ratios.allSatisfy { abs($0) <= log(4.0 / 3) + 0.005 })
    #expect(abs(ratios.reduce(0, +) / Double(ratios.count)) < 0.01, "wide and tall parts are as frequent")
    // Evenly spread logarithms would have a deviation of ln(4/3)/√3; large areas allow squarer ones only.
    let spread = (ratios.map { $0 * $0 }.reduce(0, +) / Double(ratios.count)).squareRoot()
    #expect(spread > 0.14 && spread < log(4.0 / 3) / 3.0.squareRoot() + 0.005)
  }

  @Test func placesAreSpreadEvenly() {
    let all = regions(400, 500)
    let down = all.filter { $0.height < 400 }.map { Double($0.top) / Double(400 - $0.height) }
    let across = all.filter { $0.width < 500 }.map { Double($0.left) / Double(500 - $0.width) }
    for places in [down, across] {
      #expect(abs(places.reduce(0, +) / Double(places.count) - 0.5) < 0.03)
      #expect(places.contains { $0 < 0.02 } && places.contains { $0 > 0.98 })
    }
  }

  @Test func longImagesGiveTheirMiddle() {
    for region in regions(10, 1000, 50) {
      if region.height == 10 {
        #expect(region.width <= 14)
      } else {
        #expect(Double(region.width) / Double(region.height) < 1.6)
      }
    }
    let fallback = ResizedCrop.Region(top: 0, left: 493, height: 10, width: 13)
    #expect(regions(10, 1000, 50).contains(fallback))
  }

  /// Recorded once: a stored run is repeated by later versions only if this never changes.
  @Test func regionsNeverChange() {
    let crop = ResizedCrop(random: SplitMix64(seed: 42))
    let again = ResizedCrop(random: SplitMix64(seed: 42))
    #expect(crop.region(height: 375, width: 500) == again.region(height: 375, width: 500))
    // By the definition, written out once more with the C library's functions.
    for seed in 0..<200 {
      var random = SplitMix64(seed: UInt64(seed))
      func unit() -> Double { Double(random.next() >> 11) / 9_007_199_254_740_992 }
      for _ in 0..<10 {
        let area = 375.0 * 500 * (0.08 + 0.92 * unit())
        let ratio = exp(log(4.0 / 3) - unit() * log(16.0 / 9))
        let (width, height) = (
          Int((area * ratio).squareRoot().rounded()), Int((area / ratio).squareRoot().rounded())
        )
        guard width <= 500, height <= 375 else { continue }
        let top = random.index(below: 375 - height + 1)
        let left = random.index(below: 500 - width + 1)
        #expect(
          ResizedCrop(random: SplitMix64(seed: UInt64(seed))).region(height: 375, width: 500)
            == ResizedCrop.Region(top: top, left: left, height: height, width: width))
        break
      }
    }
  }
}
