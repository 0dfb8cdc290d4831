/* SPDX-License-Identifier: Apache-2.0
 *
 * A module and the library that it needs, for the start-up checks: compiled twice. */
#ifdef DOCTOR_NEEDED
int doctor_needed(void);
int doctor_needed(void)
{
	return 1;
}
#else
int doctor_needed(void);
int doctor_module(void);
int doctor_module(void)
{
	return doctor_needed();
}
#endif
