package dev.bantam.data;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

/**
 * Expected values from Python 3: {@code int(hashlib.sha256(s.encode()).hexdigest()[:8], 16) /
 * 2**32}.
 */
class StableHashTest {
  @Test
  void fractionMatchesPython() {
    assertEquals(0.8894159947521985, StableHash.fraction(""));
    assertEquals(0.728394910460338, StableHash.fraction("abc"));
    assertEquals(0.9385843304917216, StableHash.fraction("tune\u00e9"));
    assertEquals(0.6890448871999979, StableHash.fraction("tune\t"));
  }

  /** FIPS 180-2, appendix B.1: SHA-256 of "abc" is ba7816bf 8f01cfea ... */
  @Test
  void digestAndSeedOfTheStandardsExample() {
    assertEquals(
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        StableHash.sha256("abc"));
    assertEquals(0xba7816bf8f01cfeaL, StableHash.seed("abc"));
  }
}
