package dev.bantam.mixedprecision;

import dev.bantam.checkpoint.HalfFloats;
import dev.bantam.checkpoint.SafetensorsType;

/** The type in which scales are stored. Codes are computed with the scale as it is stored. */
public enum ScaleType {
  /** 16 bits: relative steps of 2^-11 from 6.1e-5 to 65504. */
  FLOAT16(SafetensorsType.F16) {
    @Override
    float round(float scale) {
      return HalfFloats.fromHalf(HalfFloats.toHalf(scale));
    }

    @Override
    float up(float scale) {
      return HalfFloats.fromHalf((short) (HalfFloats.toHalf(scale) + 1));
    }
  },
  /** 32 bits. */
  FLOAT32(SafetensorsType.F32) {
    @Override
    float round(float scale) {
      return scale;
    }

    @Override
    float up(float scale) {
      return Math.nextUp(scale);
    }
  };

  private final SafetensorsType stored;

  ScaleType(SafetensorsType stored) {
    this.stored = stored;
  }

  /** The type in a file. */
  SafetensorsType stored() {
    return stored;
  }

  /** The nearest value of this type, ties to even; infinite if there is none. */
  abstract float round(float scale);

  /** The next larger value of this type, for a finite value of it that is not negative. */
  abstract float up(float scale);
}
