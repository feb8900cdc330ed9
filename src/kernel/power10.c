#include "kernel/power10.h"

// A table of every power would be 12 KB; these two, multiplied, give all of them to 126 bits.
enum { STEP = 27, COARSE_ZERO = 14 };

// The upper 128 bits of 10^(STEP * (index - COARSE_ZERO)).
// clang-format off
static const uint64_t coarse[][2] = {
    { 0x9ECFFC31D586ABC0, 0x9AC0936257D9C76C }, { 0x8049A4AC0C5811AE, 0x205B896D777D6278 },
    { 0xCF42894A5DCE35EA, 0x52064CAC828675B9 }, { 0xA76C582338ED2621, 0xAF2AF2B80AF6F24E },
    { 0x873E4F75E2224E68, 0x5A7744A6E804A291 }, { 0xDA7F5BF590966848, 0xAF39A475506A899E },
    { 0xB080392CC4349DEC, 0xBD8D794D96AACFB3 }, { 0x8E938662882AF53E, 0x547EB47B7282EE9C },
    { 0xE65829B3046B0AFA, 0x0CB4A5A3112A5112 }, { 0xBA121A4650E4DDEB, 0x92F34D62616CE413 },
    { 0x964E858C91BA2655, 0x3A6A07F8D510F86F }, { 0xF2D56790AB41C2A2, 0xFAE27299423FB9C3 },
    { 0xC428D05AA4751E4C, 0xAA97E14C3C26B886 }, { 0x9E74D1B791E07E48, 0x775EA264CF55347D },
    { 0x8000000000000000, 0x0000000000000000 }, { 0xCECB8F27F4200F3A, 0x0000000000000000 },
    { 0xA70C3C40A64E6C51, 0x999090B65F67D924 }, { 0x86F0AC99B4E8DAFD, 0x69A028BB3DED71A3 },
    { 0xDA01EE641A708DE9, 0xE80E6F4820CC9495 }, { 0xB01AE745B101E9E4, 0x5EC05DCFF72E7F8F },
    { 0x8E41ADE9FBEBC27D, 0x14588F13BE847307 }, { 0xE5D3EF282A242E81, 0x8F1668C8A86DA5FA },
    { 0xB9A74A0637CE2EE1, 0x6D953E2BD7173692 }, { 0x95F83D0A1FB69CD9, 0x4ABDAF101564F98E },
    { 0xF24A01A73CF2DCCF, 0xBC633B39673C8CEC }, { 0xC3B8358109E84F07, 0x0A862F80EC4700C8 },
    { 0x9E19DB92B4E31BA9, 0x6C07A2C26A8346D1 }, { 0xFF6D0B3492801150, 0x9798278AEA58EFFF },
};

// 10^index with the top bit moved to bit 63: exact.
static const uint64_t fine[STEP] = {
    0x8000000000000000, 0xA000000000000000, 0xC800000000000000, 0xFA00000000000000,
    0x9C40000000000000, 0xC350000000000000, 0xF424000000000000, 0x9896800000000000,
    0xBEBC200000000000, 0xEE6B280000000000, 0x9502F90000000000, 0xBA43B74000000000,
    0xE8D4A51000000000, 0x9184E72A00000000, 0xB5E620F480000000, 0xE35FA931A0000000,
    0x8E1BC9BF04000000, 0xB1A2BC2EC5000000, 0xDE0B6B3A76400000, 0x8AC7230489E80000,
    0xAD78EBC5AC620000, 0xD8D726B7177A8000, 0x878678326EAC9000, 0xA968163F0A57B400,
    0xD3C21BCECCEDA100, 0x84595161401484A0, 0xA56FA5B99019A5C8,
};
// clang-format on

#if defined(__SIZEOF_INT128__)

static uint64_t multiply(uint64_t a, uint64_t b, uint64_t *high)
{
    __extension__ typedef unsigned __int128 wide;
    wide product = (wide)a * b;
    *high = (uint64_t)(product >> 64);
    return (uint64_t)product;
}

#else

static uint64_t multiply(uint64_t a, uint64_t b, uint64_t *high)
{
    uint64_t a0 = (uint32_t)a, a1 = a >> 32, b0 = (uint32_t)b, b1 = b >> 32;
    uint64_t low = a0 * b0, cross = a1 * b0 + (low >> 32), other = a0 * b1 + (uint32_t)cross;
    *high = a1 * b1 + (cross >> 32) + (other >> 32);
    return (other << 32) | (uint32_t)low;
}

#endif

static mb_wide multiply_wide(uint64_t factor, uint64_t high, uint64_t low)
{
    mb_wide product;
    uint64_t carry;
    product.low = multiply(factor, low, &carry);
    product.middle = multiply(factor, high, &product.high);
    product.middle += carry;
    product.high += product.middle < carry;
    return product;
}

mb_power10 mb_power10_of(int q)
{
    int index = (q - MB_POWER10_MIN) / STEP;
    const uint64_t *base = coarse[index];
    uint64_t factor = fine[q - (index - COARSE_ZERO) * STEP];
    mb_wide product = multiply_wide(factor, base[0], base[1]);
    // 217706 / 2^16 stands for log2(10): near enough for every power of the table.
    mb_power10 power = { product.high, product.middle, mb_floor_shift(q * 217706, 16) - 127 };
    if (product.high >> 63 == 0) {
        power.high = product.high << 1 | product.middle >> 63;
        power.low = product.middle << 1 | product.low >> 63;
    }
    return power;
}

mb_wide mb_power10_multiply(uint64_t factor, const mb_power10 *power)
{
    return multiply_wide(factor, power->high, power->low);
}
