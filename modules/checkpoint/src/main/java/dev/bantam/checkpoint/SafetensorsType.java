package dev.bantam.checkpoint;

/** Element types of the safetensors format, under the names that stand in a file's header. */
public enum SafetensorsType {
  BOOL(8),
  U8(8),
  I8(8),
  F8_E5M2(8),
  F8_E4M3(8),
  F8_E8M0(8),
  F8_E4M3FNUZ(8),
  F8_E5M2FNUZ(8),
  I16(16),
  U16(16),
  F16(16),
  BF16(16),
  I32(32),
  U32(32),
  F32(32),
  C64(64),
  F64(64),
  I64(64),
  U64(64),
  F4(4),
  F6_E2M3(6),
  F6_E3M2(6);

  private final int bits;

  SafetensorsType(int bits) {
    this.bits = bits;
  }

  /** Bits of one element. */
  public int bits() {
    return bits;
  }

  /** Whether {@link SafetensorsFile#floats} can widen or narrow this type to float32. */
  public boolean readsAsFloat() {
    return this == F32 || this == F64 || this == F16 || this == BF16;
  }
}
